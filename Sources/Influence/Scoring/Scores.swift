public import LinearAlgebra

/// The influence of training examples on queries, by one method.
public struct Scores: Sendable {
  /// The method's name.
  public let method: String
  /// The method's settings beside the damping.
  public let settings: [String: String]
  /// S, `m × n` (`1 × n` when aggregated), helpful-positive.
  public internal(set) var values: Matrix<Double>
  /// How queries were combined.
  public let aggregation: Aggregation
  /// How far the method is from exact; nil if it was not asked for.
  public internal(set) var certificate: Certificate?
  /// How solves by passes over the gradients went, block by block; empty for other methods.
  public internal(set) var convergence: [BlockConvergence] = []
  /// What the user should know.
  public internal(set) var warnings: [String]
  /// Seconds spent on scoring, after the fit.
  public internal(set) var seconds: Double
  /// Each block's share of the scores; nil unless they were asked for.
  public internal(set) var shares: BlockShares?
  /// What the scores were computed from, and how.
  public internal(set) var provenance: ScoreProvenance

  /// The number of queries m, 1 when aggregated.
  public var queryCount: Int { values.rows }
  /// The number of training examples n.
  public var exampleCount: Int { values.columns }

  /// The same scores as another computation made, measured and certified them; the time stays this one's.
  public func certified(by other: Scores) -> Scores {
    var copy = self
    copy.values = other.values
    copy.certificate = other.certificate
    copy.warnings = other.warnings
    return copy
  }

  /// The scores with the sign of a convention.
  ///
  /// - Parameter convention: What positive means.
  /// - Returns: `m × n`.
  public func values(in convention: ScoreConvention) -> Matrix<Double> {
    guard convention == .influence else { return values }
    var negated = values
    negated.scale(by: -1)
    return negated
  }
}
