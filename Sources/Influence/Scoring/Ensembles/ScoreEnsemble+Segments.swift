public import Gradients
import LinearAlgebra

/// A training in segments, through which queries are followed back from its end.
///
///     S = Σₗ Vₗ·Mₗ·Gₗᵀ        Vₗ₋₁ = Vₗ·e^(−cₗFₗ) = Vₗ − (1/n)·(Vₗ·Mₗ·Gₗᵀ)·Gₗ
///
/// with Mₗ the integral of e^(−Fₗs) over s from 0 to the segment's time cₗ, and V of the last segment the queries. So each segment but the
/// first takes one more pass for what its scores leave of the queries (Bae, Lin, Lorraine and Grosse, "Training Data
/// Attribution via Approximate Unrolled Differentiation", 2024, arXiv 2405.12186, with one checkpoint per segment).
extension ScoreEnsemble {
  /// The times of segments that end where each of these gradients was taken, from what Adam knew there.
  ///
  /// A segment's learning rates sum to the difference of two sums that the optimizers recorded; Adam's steps are those of
  /// gradient descent divided by √v̂ + ε of each parameter, so that the time is that difference over the mean of √v̂ + ε over
  /// all parameters.
  ///
  /// - Parameters:
  ///   - trainings: The training gradients, in the order of training.
  ///   - method: The method's name, for errors.
  /// - Throws: ``InfluenceError/missingInput(method:source:reason:)`` where an optimizer or its sum is missing or sums do not grow;
  ///   an error of reading a store.
  public static func timesOfSegments(
    endingAt trainings: [GradientStore], for method: String
  ) throws -> [Double] {
    var before = 0.0
    return try trainings.map { training in
      func missing(_ what: String) -> InfluenceError {
        .missingInput(
          method: method, source: training.name,
          reason:
            "\(what); give each checkpoint the sum of the learning rates since the one before as its weight"
        )
      }
      guard let moments = try training.optimizerMoments(), let sum = moments.rule.learningRateSum
      else { throw missing("nothing beside the gradients says what the learning rates sum to") }
      guard sum > before else {
        throw missing(
          "the learning rates up to here sum to \(sum), and those up to the checkpoint before to \(before): checkpoints go in the order of training"
        )
      }
      defer { before = sum }
      return (sum - before) / (try moments.meanRoot(in: training))
    }
  }

  /// The scores of a training in segments.
  func scoresOverSegments(
    by estimator: any Estimator, ofQueries rows: Range<Int>?, _ aggregation: Aggregation,
    options: CurvatureOptions, progress: ProgressHandler?
  ) throws -> Scores {
    guard options.combination == .sum else {
      throw InfluenceError.notOfSegments(
        method: estimator.name,
        reason: "what is left of a query follows from sums over blocks; combine blocks by sum")
    }
    try estimator.validateSettings()
    let segments = try members.map { member in
      guard let segment = try estimator.segment(lasting: member.weight) else {
        throw InfluenceError.notOfSegments(
          method: estimator.name,
          reason: "it does not follow a training; sum the scores of the checkpoints instead")
      }
      try segment.validateSettings()
      try segment.check(member.training)
      return segment
    }
    let queries = rows.map { self.queries[rows: $0] } ?? self.queries
    var options = options
    options.certifies = false
    let walk = SegmentWalk(
      ensemble: self, estimator: estimator, segments: segments, options: options,
      progress: progress)
    switch options.precision {
    case .single: return try walk.scores(of: queries, aggregation, as: Float.self)
    case .double: return try walk.scores(of: queries, aggregation, as: Double.self)
    }
  }
}

/// One set of queries on its way from the last segment to the first.
private struct SegmentWalk {
  let ensemble: ScoreEnsemble
  let estimator: any Estimator
  /// The method of each segment.
  let segments: [any Estimator]
  let options: CurvatureOptions
  let progress: ProgressHandler?

  func scores<Element: Scalar>(
    of queries: GradientStore, _ aggregation: Aggregation, as type: Element.Type
  ) throws -> Scores {
    var left = try queries.layout.blocks.enumerated().map { index, block in
      (
        name: block.name, shape: block.shape,
        gradients: Matrix<Element>(
          try Curvature.rows(
            of: queries, block: index, aggregation: aggregation, precision: Element.self))
      )
    }
    try queries.requireUnchanged()
    let places = Dictionary(uniqueKeysWithValues: left.enumerated().map { ($1.name, $0) })
    var sum = Scores(
      method: estimator.name, settings: estimator.settings,
      values: .zeros(left[0].gradients.rows, ensemble.members[0].training.count),
      aggregation: aggregation, certificate: nil, warnings: [], seconds: 0, shares: nil,
      provenance: ensemble.provenance(by: estimator, options))
    for index in segments.indices.reversed() {
      let training = ensemble.members[index].training
      let part = ensemble.progress(progress, ofPart: segments.count - 1 - index)
      let curvature = try Curvature(
        fitting: [segments[index]], on: training, options: options, progress: part)
      var next = left
      let scores = try curvature.scores(
        of: GradientStore(name: queries.name, blocks: left), progress: part
      ) { name, shares in
        guard index > 0, let place = places[name] else { return }
        try subtract(
          shares[0], times: training, block: name, from: &next[place].gradients)
      }[0]
      left = next
      sum.values.add(scores.values, scale: 1)
      sum.warnings += scores.warnings
      sum.seconds += scores.seconds
    }
    if let warning = LostDigits.warning(of: sum.values) { sum.warnings.append(warning) }
    return sum
  }

  /// V − (1/n)·S·G of one block: what is left of the queries before the segment.
  private func subtract<Element: Scalar>(
    _ scores: Matrix<Double>, times training: GradientStore, block name: String,
    from queries: inout Matrix<Element>
  ) throws {
    guard let block = training.layout.blocks.firstIndex(where: { $0.name == name }) else {
      preconditionFailure("scores came with a share of block \(name)")
    }
    var coefficients = scores
    coefficients.scale(by: -1 / Double(training.count))
    let pass = GradientPass<Element>(
      store: training, block: block,
      monitor: PassMonitor(
        stage: "following", of: training, blocks: [block], blocksAtATime: 1, readsAhead: false,
        expectedBytes: 0, meter: options.meter, progress: nil),
      reduction: options.reduction)
    try pass.addPullBack(Matrix<Element>(converting: coefficients), to: &queries)
  }
}
