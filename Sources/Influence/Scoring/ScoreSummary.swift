/// What is known of scores whose rows have been written.
public struct ScoreSummary: Sendable {
  /// The method's name.
  public let method: String
  /// The method's settings beside the damping.
  public let settings: [String: String]
  /// How queries were combined.
  public let aggregation: ScoreAggregation
  /// The number of rows: queries, or 1 where they were combined.
  public let queryCount: Int
  /// The number of training examples n.
  public let exampleCount: Int
  /// The first row's most extreme examples, where only those were written.
  public internal(set) var preview: TopExamples?
  /// What the user should know, each warning once.
  public internal(set) var warnings: [String]
  /// ‖(F + λI)x − v‖/‖v‖ per query; empty without a certificate.
  public internal(set) var residuals: [Double] = []
  /// The most that any score of each query, as it is written in single precision, can differ from the exact
  /// one; empty without a certificate.
  public internal(set) var bounds: [Double] = []
  /// Whether the residuals were measured by passes in double precision, whatever the precision of products.
  public internal(set) var isMeasured = false
  /// The largest magnitude of a score.
  public internal(set) var largest = 0.0
  /// Seconds spent on scoring, after the fit.
  public internal(set) var seconds = 0.0
  /// How solves by passes went for the first batch of queries; the others' are alike.
  public internal(set) var convergence: [BlockConvergence] = []
}

extension ScoreSummary {
  /// Adds what is known of scores that were made some examples at a time.
  mutating func add(_ parts: ScoreParts) {
    largest = max(largest, parts.largest)
    seconds += parts.seconds
    if let certified = parts.certified {
      residuals.append(certified.residual)
      isMeasured = certified.isMeasured
      addBound(certified.bound, largest: parts.largest)
    }
    if convergence.isEmpty { convergence = parts.convergence }
    for warning in parts.warnings where !warnings.contains(warning) { warnings.append(warning) }
  }

  /// Adds the bound of a query's scores, which are written in single precision and rounded once more.
  mutating func addBound(_ bound: Double, largest: Double) {
    bounds.append(bound + Rounding.single.unit * (largest + bound) + Rounding.single.smallest)
  }
}
