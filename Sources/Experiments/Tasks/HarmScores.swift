internal import InfluenceKit

/// What one method says of every training example: how much it harms the mean query, how much it acts on itself.
///
/// High values mark examples to look at.
struct HarmScores: Sendable {
  /// −(mean score over queries), n numbers.
  let harm: [Double]
  /// gᵢᵀ·M·gᵢ, n numbers; empty where it was not asked for.
  let selfInfluence: [Double]
  /// Seconds to fit, to score the mean query, to find self-influence.
  let seconds: (fit: Double, harm: Double, selfInfluence: Double)
  /// What the method warns of; each warning once.
  let warnings: [String]

  /// Refuses methods that need what a trained network and its gradients do not give.
  ///
  /// - Throws: ``ExperimentError``.
  static func check(_ methods: [String], _ settings: Settings, key: String = "methods") throws {
    for method in methods {
      let inputs = try EstimatorCatalog.estimator(method).inputs
      guard inputs.contains(.probabilities) || inputs.contains(.projectionFromBothSides) else {
        continue
      }
      throw settings.invalid(
        key, "\(method) needs more than a network and its gradients; leave it out")
    }
  }

  /// Scores all training examples.
  ///
  /// - Parameters:
  ///   - method: As the catalog reads it.
  ///   - gradients: Of training examples and queries.
  ///   - includesSelf: Whether self-influence is asked for too.
  init(of method: String, _ gradients: GradientPair, includesSelf: Bool) throws {
    let estimator = try EstimatorCatalog.estimator(method)
    var options = CurvatureOptions()
    options.certifies = false
    let curvature = try Curvature(fitting: [estimator], on: gradients.training, options: options)
    // The mean of cosines is not the cosine with the mean; all other scores are linear in the query.
    let isLinear = !estimator.normalization.dividesQueries
    let scores = try curvature.scores(
      of: gradients.queries, aggregation: isLinear ? .mean : .none)[0]
    harm = scores.values.meanRow().elements.map { -$0 }
    var warnings = curvature.warnings + scores.warnings
    var selfSeconds = 0.0
    if includesSelf {
      let clock = ContinuousClock()
      let start = clock.now
      let result = try curvature.selfInfluence()[0]
      selfInfluence = result.values
      warnings += result.warnings
      selfSeconds = (clock.now - start) / .seconds(1)
    } else {
      selfInfluence = []
    }
    seconds = (curvature.seconds, scores.seconds, selfSeconds)
    var seen: Set<String> = []
    self.warnings = warnings.filter { seen.insert($0).inserted }
  }

  /// Whether numbers are the same but for rounding, so that they rank nothing: the self-influence of cosine.
  static func isConstant(_ values: [Double]) -> Bool {
    let (low, high) = (values.min() ?? 0, values.max() ?? 0)
    return high - low <= 1e-5 * max(abs(low), abs(high))
  }
}
