internal import InfluenceKit

/// The scores of several methods on the same gradients, in the order in which the methods are given.
///
/// Second derivatives of the model are taken of all parameters together, as
/// Koh and Liang have them; the other methods take each tensor as a block.
struct MethodScores {
  /// Helpful-positive, `m × n` or, of the mean query, `1 × n`.
  let values: [Matrix<Double>]
  /// What the methods warn of; each warning once.
  let warnings: [String]

  /// Fits and scores each method by itself, in double precision.
  ///
  /// - Parameters:
  ///   - methods: Names with settings.
  ///   - pair: Gradients of training examples and queries.
  ///   - damping: The damping of each tensor.
  ///   - wholeDamping: The damping of the second derivatives of all parameters.
  ///   - aggregation: Whether there is one row per query, or one for their mean.
  init(
    of methods: [String], on pair: GradientPair, damping: Damping = .standard,
    wholeDamping: Damping = .standard, aggregation: Aggregation = .none
  ) throws {
    var warnings: [String] = []
    values = try methods.map { method in
      let estimator = try EstimatorCatalog.estimator(method)
      let isWhole = estimator.prefersOneBlock
      let partition: BlockPartition = isWhole ? .all : .tensor
      let curvature = try Curvature(
        fitting: [estimator],
        on: pair.training.partitioned(by: partition),
        options: CurvatureOptions(
          damping: isWhole ? wholeDamping : damping, certifies: false, precision: .double))
      let scores = try curvature.scores(
        of: pair.queries.partitioned(by: partition), aggregation: aggregation)[0]
      for text in curvature.warnings + scores.warnings {
        let warning = "\(method): \(text)"
        if !warnings.contains(warning) { warnings.append(warning) }
      }
      return scores.values
    }
    self.warnings = warnings
  }
}
