public import Gradients
import LinearAlgebra

extension Curvature {
  /// Scores queries with every fitted estimator.
  ///
  /// - Parameters:
  ///   - queries: m rows of gradients, with the training store's blocks in any order.
  ///   - aggregation: One row of scores a query, or one for their mean.
  ///   - progress: Called as blocks are done.
  /// - Returns: One ``Scores`` an estimator, in the order of ``estimators``.
  /// - Throws: ``InfluenceError``, or an error from reading a store.
  /// - Complexity: 2mnd a block for the products; see each estimator for the rest.
  public func scores(
    of queries: GradientStore, aggregation: Aggregation = .none, progress: ProgressHandler? = nil
  ) throws -> [Scores] {
    let differences = training.layout.differences(from: queries.layout)
    guard differences.isEmpty else {
      throw InfluenceError.layoutMismatch(
        train: training.name, query: queries.name, differences: differences)
    }
    guard queries.count > 0 else { throw InfluenceError.empty(source: queries.name) }
    switch options.precision {
    case .single:
      return try scores(of: queries, aggregation, progress, precision: Float.self)
    case .double:
      return try scores(of: queries, aggregation, progress, precision: Double.self)
    }
  }

  private func scores<Element: Scalar>(
    of queries: GradientStore, _ aggregation: Aggregation, _ progress: ProgressHandler?,
    precision: Element.Type
  ) throws -> [Scores] {
    let clock = ContinuousClock()
    let start = clock.now
    let rowCount = aggregation == .mean ? 1 : queries.count
    let places = Dictionary(
      uniqueKeysWithValues: queries.layout.blocks.enumerated().map { ($1.name, $0) })
    let live = contexts.filter { !$0.isDead }
    var results = estimators.map { estimator in
      Scores(
        method: estimator.name, settings: estimator.settings,
        values: .zeros(rowCount, self.training.count), aggregation: aggregation, certificate: nil,
        warnings: warnings, seconds: 0)
    }
    var residuals = estimators.map { _ in Matrix<Double>.zeros(rowCount, live.count) }
    var norms = Matrix<Double>.zeros(rowCount, live.count)
    let fitted = blocks
    let training = training
    let certifies = options.certifies
    try BlockSchedule(widths: live.map(\.width)).forEachWave(
      stage: "scoring", progress: progress
    ) { place -> (norms: [Double], answers: [FittedBlock.Answer]) in
      let context = live[place]
      guard let queryBlock = places[context.name] else {
        preconditionFailure("layouts were compared: block \(context.name) must be there")
      }
      let rows = try Self.rows(
        of: queries, block: queryBlock, aggregation: aggregation, precision: Element.self)
      let squares = rows.squaredRowNorms()
      let pass = GradientPass<Element>(store: training, block: context.index)
      let answers = try fitted[context.index].answers(
        to: rows, squaredNorms: squares, pass: pass, certifies: certifies)
      return (squares.map { $0.squareRoot() }, answers)
    } combine: { place, outcome in
      for row in 0..<rowCount { norms[row, place] = outcome.norms[row] }
      for (index, answer) in outcome.answers.enumerated() {
        results[index].values.add(answer.scores)
        results[index].warnings += answer.warnings
        results[index].convergence += answer.convergence
        if let residualNorms = answer.residualNorms {
          for row in 0..<rowCount { residuals[index][row, place] = residualNorms[row] }
        }
      }
    }
    if certifies {
      let factors = Matrix(
        rows: live.count, columns: training.count,
        elements: live.flatMap { Certificate.exampleFactors(of: $0) })
      for index in results.indices {
        results[index].certificate = Certificate(
          blocks: live.map(\.name), residualNorms: residuals[index], queryNorms: norms,
          exampleFactors: factors)
      }
    }
    let seconds = (clock.now - start).inSeconds
    for index in results.indices { results[index].seconds = seconds }
    return results
  }

  /// The queries' gradients in one block: all rows, or their mean; checked to be finite.
  static func rows<Element: Scalar>(
    of queries: GradientStore, block: Int, aggregation: Aggregation, precision: Element.Type
  ) throws -> MatrixView<Element> {
    let rows = try queries.rows(0..<queries.count, of: block, as: Element.self)
    let bad = rows.squaredRowNorms().enumerated().filter { !$0.element.isFinite }.map(\.offset)
    guard bad.isEmpty else {
      throw InfluenceError.notFinite(
        source: queries.name, block: queries.layout.blocks[block].name, rows: bad)
    }
    return aggregation == .mean ? Matrix(rows).meanRow().view : rows
  }
}

extension Curvature {
  /// How many queries can be scored at once in a quarter of the memory budget.
  ///
  /// A query's scores take 8n bytes: once a method, and once more for each block in flight; its
  /// gradients a few copies of their own size.
  public var queriesAtATime: Int {
    let widest = contexts.map(\.width).max() ?? 0
    let inFlight = BlockSchedule.waveSize
    let perQuery =
      8 * training.count * estimators.count * (inFlight + 2) + 16 * widest * inFlight
    return max(1, options.memoryBudget / 4 / max(1, perQuery))
  }
}

extension Curvature {
  /// The self-influence gᵢᵀ·M·gᵢ of every training example, under every fitted estimator.
  ///
  /// Large values mark examples that the model could learn only from themselves: mislabelled, rare
  /// or duplicated with a different label.
  ///
  /// - Parameter progress: Called as blocks are done.
  /// - Returns: One ``SelfInfluence`` an estimator, in the order of ``estimators``.
  /// - Throws: ``InfluenceError``, or an error from reading the store.
  public func selfInfluence(progress: ProgressHandler? = nil) throws -> [SelfInfluence] {
    switch options.precision {
    case .single: return try selfInfluence(progress, precision: Float.self)
    case .double: return try selfInfluence(progress, precision: Double.self)
    }
  }

  private func selfInfluence<Element: Scalar>(
    _ progress: ProgressHandler?, precision: Element.Type
  ) throws -> [SelfInfluence] {
    let live = contexts.filter { !$0.isDead }
    let fitted = blocks
    let training = training
    let estimatorCount = estimators.count
    var results = estimators.map { estimator in
      SelfInfluence(
        method: estimator.name, values: [Double](repeating: 0, count: self.training.count),
        warnings: warnings)
    }
    try BlockSchedule(widths: live.map(\.width)).forEachWave(
      stage: "self-influence", progress: progress
    ) { place -> [BlockSelfInfluence] in
      let pass = GradientPass<Element>(store: training, block: live[place].index)
      return try (0..<estimatorCount).map { index in
        try fitted[live[place].index].selfInfluence(ofEstimator: index, pass: pass)
      }
    } combine: { _, outcome in
      for (index, influence) in outcome.enumerated() {
        for (row, value) in influence.values.enumerated() { results[index].values[row] += value }
        results[index].warnings += influence.warnings
      }
    }
    return results
  }
}
