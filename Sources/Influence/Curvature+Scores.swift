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
    let supply = supply
    let training = training
    let certifies = options.certifies
    let schedule = BlockSchedule(
      widths: live.map(\.width), blocksAtATime: workingMemory(rowCount).blocksAtATime)
    let monitor = PassMonitor(
      stage: "scoring", of: training, blocks: live.map(\.index),
      blocksAtATime: schedule.blocksAtATime, expectedBytes: expectedBytes(scoring: rowCount),
      meter: options.meter, progress: progress)
    defer { monitor.finish() }
    try schedule.forEachWave(stage: "scoring", progress: nil) {
      place -> (norms: [Double], answers: [FittedBlock.Answer]) in
      let context = live[place]
      guard let queryBlock = places[context.name] else {
        preconditionFailure("layouts were compared: block \(context.name) must be there")
      }
      let rows = try Self.rows(
        of: queries, block: queryBlock, aggregation: aggregation, precision: Element.self)
      let squares = rows.squaredRowNorms()
      let pass = GradientPass<Element>(
        store: training, block: context.index, monitor: monitor)
      let answers = try supply.block(context.index, monitor: monitor).answers(
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
      sum.add(Matrix<Double>(converting: Matrix(rows).meanRow()), scale: Double(chunk.count))
    }
    sum.scale(by: 1 / Double(queries.count))
    return Matrix<Element>(converting: sum).view
  }
}

extension Curvature {
  /// How many of m queries can be scored at once within the memory budget.
  ///
  /// - Parameter queryCount: m; 1 for their mean.
  public func queriesAtATime(of queryCount: Int) -> Int {
    workingMemory(queryCount).queriesAtATime
  }

  /// Bytes that scoring reads in all passes, those of an iteration estimated.
  private func expectedBytes(scoring queryCount: Int) -> Double {
    var stage = PlanStage(.score)
    for plan in supply.plans where !plan.context.isDead {
      let bytes = Double(training.count * training.bytesPerRow(ofBlock: plan.context.index))
      let stages = BlockStages(
        demand: plan.demand, options: options, n: training.count, m: queryCount,
        d: plan.context.width, storeBytes: bytes, passBytes: bytes)
      stages.addScore(to: &stage)
      if !supply.keepsBlocks { stages.addFit(to: &stage) }
    }
    return stage.storeBytes
  }

  private func workingMemory(_ queryCount: Int) -> WorkingMemory {
    WorkingMemory(
      scoring: queryCount, with: supply.plans.map(\.demand), exampleCount: training.count,
      estimatorCount: estimators.count, keepsBlocks: supply.keepsBlocks, options: options)
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
    let supply = supply
    let training = training
    let estimatorCount = estimators.count
    var results = estimators.map { estimator in
      SelfInfluence(
        method: estimator.name, values: [Double](repeating: 0, count: self.training.count),
        warnings: warnings)
    }
    // What is kept, or in flight, and as much again for a Gram matrix or an inverse that is formed anew.
    let bytes = live.map { context in
      let demand = supply.plans[context.index].demand
      let onQueries = zip(demand.choices, estimators).contains {
        $0.side == .query && $1 is DataInf
      }
      return BlockDemand.sum(
        BlockDemand.sum(supply.keepsBlocks ? 0 : demand.peakBytes, demand.formedBytes),
        onQueries ? DataInf.momentBytes(width: context.width) : 0)
    }
    let kept = supply.keepsBlocks ? BlockDemand.total(supply.plans.map(\.demand)) : 0
    let budget = max(0, options.matrixBudget - kept)
    let schedule = BlockSchedule(
      widths: live.map(\.width),
      blocksAtATime: WorkingMemory.blocksAtATime(of: bytes, within: budget))
    let memory = budget / max(1, schedule.blocksInFlight)
    let monitor = PassMonitor(
      stage: "self-influence", of: training, blocks: live.map(\.index),
      blocksAtATime: schedule.blocksAtATime, expectedBytes: 0, meter: options.meter, progress: nil)
    defer { monitor.finish() }
    try schedule.forEachWave(stage: "self-influence", progress: progress) {
      place -> [BlockSelfInfluence] in
      let pass = GradientPass<Element>(
        store: training, block: live[place].index, monitor: monitor)
      let fitted = try supply.block(live[place].index, monitor: monitor)
      return try (0..<estimatorCount).map { index in
        try fitted.selfInfluence(ofEstimator: index, pass: pass, memory: memory)
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
