public import Gradients
public import LinearAlgebra

extension Curvature {
  /// Scores queries with every fitted estimator.
  ///
  /// - Parameters:
  ///   - queries: m rows of gradients, with the training store's blocks in any order.
  ///   - aggregation: One row of scores per query, or one for their mean.
  ///   - perBlock: Whether scores come with each block's share of them, ``Scores/shares``.
  ///   - progress: Called as blocks are done.
  ///   - eachBlock: Called with each block's name and its share of every estimator's scores, `m × n`
  ///     before any normalization of sums, in the layout's order; dead blocks are left out.
  /// - Returns: One ``Scores`` per estimator, in the order of ``estimators``.
  /// - Throws: ``InfluenceError``, or an error from reading a store.
  /// - Complexity: 2mnd operations per block for the products; see each estimator for the rest. With `perBlock`,
  ///   `m × n` more numbers per block in memory.
  public func scores(
    of queries: GradientStore, aggregation: Aggregation = .none, perBlock: Bool = false,
    progress: ProgressHandler? = nil,
    eachBlock: ((_ block: String, _ scores: [Matrix<Double>]) throws -> Void)? = nil
  ) throws -> [Scores] {
    try scores(
      of: queries, countedFrom: 0, aggregation, perBlock: perBlock, progress: progress,
      eachBlock: eachBlock)
  }

  /// Scores some of many queries, of which the first is called by its place among all in warnings.
  func scores(
    of queries: GradientStore, countedFrom first: Int, _ aggregation: Aggregation,
    perBlock: Bool, progress: ProgressHandler?,
    eachBlock: ((_ block: String, _ scores: [Matrix<Double>]) throws -> Void)? = nil
  ) throws -> [Scores] {
    try training.requireSameBlocks(as: queries)
    try queries.requireRows()
    switch options.precision {
    case .single:
      return try scores(
        of: queries, first, aggregation, perBlock, progress, eachBlock, precision: Float.self)
    case .double:
      return try scores(
        of: queries, first, aggregation, perBlock, progress, eachBlock, precision: Double.self)
    }
  }

  private func scores<Element: Scalar>(
    of queries: GradientStore, _ first: Int, _ aggregation: Aggregation, _ perBlock: Bool,
    _ progress: ProgressHandler?, _ eachBlock: ((String, [Matrix<Double>]) throws -> Void)?,
    precision: Element.Type
  ) throws -> [Scores] {
    let clock = ContinuousClock()
    let start = clock.now
    let rowCount = aggregation == .mean ? 1 : queries.count
    let places = Dictionary(
      uniqueKeysWithValues: queries.layout.blocks.enumerated().map { ($1.name, $0) })
    let live = contexts.filter { !$0.isDead }
    var results = estimators.enumerated().map { index, estimator in
      Scores(
        method: estimator.name, settings: estimator.settings,
        values: .zeros(rowCount, self.training.count), aggregation: aggregation, certificate: nil,
        warnings: warnings, seconds: 0,
        shares: perBlock
          ? BlockShares.zeros(contexts.map(\.name), rowCount, self.training.count) : nil,
        provenance: provenance(ofEstimator: index, queries: queries))
    }
    var errors = estimators.map { _ in [AnswerError?](repeating: nil, count: live.count) }
    var norms = Matrix<Double>.zeros(rowCount, live.count)
    var ownProducts = estimators.map { _ in [Double](repeating: 0, count: rowCount) }
    let supply = supply
    let training = training
    let certifies = certifies
    let walk = BlockWalk(
      stage: "scoring", of: training, blocks: live.map(\.index),
      blocksAtATime: workingMemory(rowCount, perBlock: perBlock).blocksAtATime,
      expectedBytes: expectedBytes(scoring: rowCount), options: options, progress: progress)
    let (reduction, combination) = (options.reduction, options.combination)
    let memory =
      max(0, options.matrixBudget - (supply.keepsBlocks ? BlockNeeds.total(supply.needs) : 0))
      / max(1, walk.blocksInFlight)
    var refitted: [String] = []
    try walk.forEach { place, monitor -> BlockOutcome in
      let context = live[place]
      guard let queryBlock = places[context.name] else {
        preconditionFailure("layouts were compared: block \(context.name) must be there")
      }
      let rows = try Self.rows(
        of: queries, block: queryBlock, aggregation: aggregation, precision: Element.self)
      let squares = rows.squaredRowNorms()
      let factors =
        aggregation == .none
        ? try queries.factorRows(0..<rowCount, of: queryBlock, as: Element.self) : nil
      let pass = GradientPass<Element>(
        store: training, block: context.index, monitor: monitor, reduction: reduction)
      let block = try supply.block(context.index, monitor: monitor)
      var answers = try block.answers(
        to: rows, squaredNorms: squares, factors: factors, pass: pass, certifies: certifies)
      try self.divideByLeverages(&answers, in: block, pass: pass, memory: memory)
      let norms = squares.map { $0.squareRoot() }
      if aggregation == .mean {
        for place in answers.indices {
          answers[place].error?.widen(
            toMeansOf: norms, .of(Element.self), largestFactor: block.largestFactor)
        }
      }
      return BlockOutcome(norms: norms, answers: answers, isRefitted: block.isRefitted)
    } combine: { place, outcome in
      if outcome.isRefitted { refitted.append(live[place].name) }
      for row in 0..<rowCount { norms[row, place] = outcome.norms[row] }
      try eachBlock?(live[place].name, outcome.answers.map(\.scores))
      for (index, answer) in outcome.answers.enumerated() {
        results[index].values.add(
          combination.counted(answer.scores),
          scale: combination == .sum ? 1 : 1 / Double(live.count))
        results[index].shares?.values[live[place].index] = answer.scores
        results[index].warnings += answer.warnings
        results[index].convergence += answer.convergence
        errors[index][place] = answer.error
        for (row, value) in answer.ownProducts.enumerated() { ownProducts[index][row] += value }
      }
    }
    if certifies {
      let factors = Certificate.exampleFactors(of: live, examples: 0..<training.count)
      for index in results.indices where estimators[index].normalization == .none {
        results[index].certificate = Certificate(
          blocks: live.map(\.name), errors: errors[index], queryNorms: norms,
          exampleFactors: factors)
        results[index].warnAboutAccuracy(
          of: estimators[index], in: supply.needs, place: index, countedFrom: first,
          isWarned: results[index].warnings.count > warnings.count)
      }
    }
    if !supply.keepsBlocks {
      let notices = TrainingWarnings.warnings(ofRefitted: refitted, in: training)
      for index in results.indices { results[index].warnings += notices }
    }
    if let warning = Self.warning(
      ofZeroQueries: norms, countedFrom: first, aggregation: aggregation)
    {
      for index in results.indices { results[index].warnings.append(warning) }
    }
    for index in results.indices {
      let factors = try scoreFactors(
        ofEstimator: index, queries: queries, aggregation: aggregation, liveNorms: norms,
        ownProducts: ownProducts[index], precision: Element.self)
      guard let factors else { continue }
      factors.apply(to: &results[index].values)
      results[index].shares?.scale(by: factors)
    }
    try queries.requireUnchanged()
    try requireUnchangedFit()
    let seconds = (clock.now - start).inSeconds
    for index in results.indices {
      results[index].seconds = seconds
      if let warning = LostDigits.warning(of: results[index].values) {
        results[index].warnings.append("\(results[index].method): \(warning)")
      }
    }
    return results
  }

  /// Whether scores come with certificates: residuals and their bounds are of a damped system.
  var certifies: Bool {
    options.certifies && options.damping != .absolute(0) && options.combination == .sum
  }

  /// What one block says of the queries.
  private struct BlockOutcome: Sendable {
    /// ‖v‖ per query.
    let norms: [Double]
    let answers: [FittedBlock.Answer]
    let isRefitted: Bool
  }

  /// What to say of queries without a gradient in any block; nil where there is none.
  static func warning(
    ofZeroQueries norms: Matrix<Double>, countedFrom first: Int, aggregation: Aggregation
  ) -> String? {
    let zeros = (0..<norms.rows).filter { norms[row: $0].allSatisfy { $0 == 0 } }
    guard !zeros.isEmpty else { return nil }
    guard aggregation != .mean else {
      return "the mean of the queries' gradients is zero: its scores are all zero and rank nothing"
    }
    let shown = zeros.prefix(10).map { "\(first + $0)" }.joined(separator: ", ")
    return
      "\(zeros.count == 1 ? "1 query has" : "\(zeros.count) queries have") a zero gradient, so that all scores are zero and rank nothing (rows \(shown)\(zeros.count > 10 ? ", …" : ""))"
  }

  /// The queries' gradients in one block: all rows, or their mean; checked to be finite.
  static func rows<Element: Scalar>(
    of queries: GradientStore, block: Int, aggregation: Aggregation, precision: Element.Type
  ) throws -> MatrixView<Element> {
    func check(_ rows: MatrixView<Element>, from first: Int) throws {
      let bad = rows.squaredRowNorms().enumerated().filter { !$0.element.isFinite }
      guard bad.isEmpty else {
        throw InfluenceError.notFinite(
          source: queries.name, block: queries.layout.blocks[block].name,
          rows: bad.map { first + $0.offset })
      }
    }
    guard aggregation == .mean else {
      let rows = try queries.rows(0..<queries.count, of: block, as: Element.self)
      try check(rows, from: 0)
      return rows
    }
    // A chunk at a time: there may be more queries than fit in memory.
    var sum = Matrix<Double>.zeros(1, queries.layout.blocks[block].width)
    var buffer = Matrix<Element>.zeros(0, 0)
    for chunk in queries.chunks(of: 1024) {
      let rows = try queries.rows(chunk, of: block, reusing: &buffer)
      try check(rows, from: chunk.lowerBound)
      sum.add(Matrix<Double>(converting: rows).meanRow(), scale: Double(chunk.count))
    }
    sum.scale(by: 1 / Double(queries.count))
    return Matrix<Element>(converting: sum).view
  }
}

extension Curvature {
  /// How many of m queries can be scored at once within the memory budget.
  ///
  /// - Parameters:
  ///   - queryCount: m; 1 for their mean.
  ///   - perBlock: Whether each block's share is kept.
  public func queriesAtATime(of queryCount: Int, perBlock: Bool = false) -> Int {
    workingMemory(queryCount, perBlock: perBlock).queriesAtATime
  }

  /// Bytes that scoring reads in all passes, those of an iteration estimated.
  private func expectedBytes(scoring queryCount: Int) -> Double {
    supply.needs.enumerated().reduce(0) { sum, block in
      let bytes = Double(training.count * training.bytesPerRow(ofBlock: block.offset))
      let scoring = block.element.scoringWork(
        queries: queryCount, certifies: options.certifies, precision: options.precision)
      let fitting = supply.keepsBlocks ? 0 : block.element.fittingPasses
      return sum + bytes * Double(scoring.passes + fitting)
    }
  }

  func workingMemory(_ queryCount: Int, perBlock: Bool = false) -> WorkingMemory {
    WorkingMemory(
      scoring: queryCount, with: supply.needs, exampleCount: training.count,
      estimatorCount: estimators.count, keepsBlocks: supply.keepsBlocks,
      keptShares: perBlock ? contexts.count : 0, recordsNorms: training.recordsNorms,
      options: options)
  }
}
