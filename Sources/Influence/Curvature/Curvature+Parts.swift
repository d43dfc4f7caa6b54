import Algorithms
import Gradients
import LinearAlgebra

/// Scores that are made and given away some training examples at a time, because those of a single query do not fit
/// in memory.
///
/// They are the same as those made at once: products of the same chunks of rows, added in the layout's order.
extension Curvature {
  /// Scores one query, or the mean of several, with the one estimator that was fitted.
  ///
  /// - Parameters:
  ///   - queries: One row of gradients, or those whose mean is scored.
  ///   - first: The place of the first of them among all.
  ///   - aggregation: Whether their mean is scored.
  ///   - examplesAtATime: How many examples are scored together.
  ///   - progress: Called as rows are done.
  ///   - body: Takes the scores, from those of the first example to those of the last.
  func scoreParts(
    of queries: GradientStore, countedFrom first: Int, _ aggregation: Aggregation,
    examplesAtATime: Int, progress: ProgressHandler?, _ body: ScoreParts.Handler
  ) throws -> ScoreParts {
    try training.requireSameBlocks(as: queries)
    try queries.requireRows()
    switch options.precision {
    case .single:
      return try scoreParts(
        of: queries, first, aggregation, examplesAtATime, progress, body, precision: Float.self)
    case .double:
      return try scoreParts(
        of: queries, first, aggregation, examplesAtATime, progress, body, precision: Double.self)
    }
  }

  private func scoreParts<Element: Scalar>(
    of queries: GradientStore, _ first: Int, _ aggregation: Aggregation, _ examplesAtATime: Int,
    _ progress: ProgressHandler?, _ body: ScoreParts.Handler, precision: Element.Type
  ) throws -> ScoreParts {
    let clock = ContinuousClock()
    let start = clock.now
    var parts = ScoreParts(warnings: warnings)
    let live = contexts.filter { !$0.isDead }
    let places = Dictionary(
      uniqueKeysWithValues: queries.layout.blocks.enumerated().map { ($1.name, $0) })
    var prepared: [FittedBlock.PreparedQueries<Element>] = []
    let (supply, training, certifies) = (supply, training, certifies)
    let walk = BlockWalk(
      stage: "preparing", of: training, blocks: live.map(\.index),
      readBlocks: live.map(\.index).filter { index in
        // More than the pass that gives the scores.
        supply.needs[index].scoringWork(
          queries: 1, certifies: certifies, precision: options.precision
        ).passes > 1
      }, options: options, progress: progress)
    try walk.forEach { place, monitor -> FittedBlock.PreparedQueries<Element> in
      let context = live[place]
      guard let queryBlock = places[context.name] else {
        preconditionFailure("layouts were compared: block \(context.name) must be there")
      }
      let rows = try Self.rows(
        of: queries, block: queryBlock, aggregation: aggregation, precision: Element.self)
      let block = try supply.block(context.index, monitor: monitor)
      var queries = try block.prepared(
        rows,
        pass: GradientPass<Element>(store: training, block: context.index, monitor: monitor),
        certifies: certifies)
      if aggregation == .mean {
        queries.error?.widen(
          toMeansOf: queries.squaredNorms.map { $0.squareRoot() }, .of(Element.self),
          largestFactor: block.largestFactor)
      }
      return queries
    } combine: { _, queries in
      prepared.append(queries)
      parts.convergence += queries.convergence
      parts.warnings += queries.warnings
    }
    let norms = Matrix(
      rows: 1, columns: live.count, elements: prepared.map { $0.squaredNorms[0].squareRoot() })
    let isNormalized = estimators[0].normalization == .gradientNorms
    let queryFactors =
      isNormalized
      ? try queryFactors(
        of: queries, aggregation: aggregation, liveNorms: norms, precision: Element.self) : nil
    var tally = LostDigits.Tally()
    let isCertified = certifies && estimators[0].normalization == .none
    let errors = prepared.map(\.error)
    /// The certificate of the query's scores of some examples.
    func certificate(of examples: Range<Int>) -> Certificate {
      Certificate(
        blocks: live.map(\.name), errors: errors, queryNorms: norms,
        exampleFactors: Certificate.exampleFactors(of: live, examples: examples))
    }
    var bound = 0.0
    let monitor = partMonitor(stage: "scoring", progress)
    try forEachPart(of: examplesAtATime, monitor) { rows in
      var scores = Matrix<Double>.zeros(1, rows.count)
      for (context, queries) in zip(live, prepared) {
        let pass = GradientPass<Element>(
          store: training, block: context.index, monitor: monitor)
        let block = try supply.block(context.index, monitor: monitor)
        scores.add(try block.scores(of: queries, for: rows, pass: pass))
      }
      if isNormalized {
        ScoreFactors(
          columns: exampleLengths(of: rows).map { $0 > 0 ? 1 / $0 : 0 }, rows: queryFactors
        ).apply(to: &scores)
      }
      tally.add(scores.elements)
      for examples in isCertified ? Array(rows.chunks(ofCount: 4096)) : [] {
        bound = max(bound, certificate(of: examples).errorBounds()[0])
      }
      try body(rows.lowerBound, scores)
    }
    try queries.requireUnchanged()
    try requireUnchangedFit()
    parts.largest = tally.largest
    if isCertified {
      let certificate = certificate(of: 0..<0)
      parts.certified = ScoreParts.Certified(
        residual: certificate.relativeResiduals[0], bound: bound, isMeasured: certificate.isMeasured
      )
      if let warning = Accuracy.warning(
        of: estimators[0], in: supply.needs, place: 0, [(bound, tally.largest)],
        countedFrom: first, isWarned: parts.warnings.count > warnings.count)
      {
        parts.warnings.append(warning)
      }
    }
    if let warning = Self.warning(
      ofZeroQueries: norms, countedFrom: first, aggregation: aggregation)
    {
      parts.warnings.append(warning)
    }
    if let warning = tally.warning() {
      parts.warnings.append("\(estimators[0].name): \(warning)")
    }
    parts.seconds = (clock.now - start).inSeconds
    return parts
  }

  /// What stands beside passes through several blocks by turns.
  private func partMonitor(stage: String, _ progress: ProgressHandler?) -> PassMonitor {
    PassMonitor(
      stage: stage, of: training, blocks: contexts.map(\.index), blocksAtATime: 1,
      readsAhead: false, expectedBytes: Double(training.bytesPerPass), meter: options.meter,
      progress: progress)
  }

  /// Goes over the training examples, some at a time; their files must be the same at the end.
  private func forEachPart(
    of examplesAtATime: Int, _ monitor: PassMonitor, _ body: (Range<Int>) throws -> Void
  ) throws {
    defer { monitor.finish() }
    for first in stride(from: 0, to: training.count, by: examplesAtATime) {
      try body(first..<min(training.count, first + examplesAtATime))
    }
    try training.requireUnchanged()
  }
}

extension Curvature {
  /// How many examples' self-influence is computed at a time; nil where that of all fits in memory, or must.
  ///
  /// - Throws: ``InfluenceError/tooManyExamples(source:rows:bytes:budget:isCertified:)`` where it must, and does not.
  func selfInfluencePart(perBlock: Bool) throws -> Int? {
    try Self.selfInfluencePart(
      of: training, with: supply.needs, keepsBlocks: supply.keepsBlocks, perBlock: perBlock,
      options: options)
  }

  /// The same from what blocks need.
  static func selfInfluencePart(
    of training: GradientStore, with needs: [BlockNeeds], keepsBlocks: Bool, perBlock: Bool,
    options: CurvatureOptions
  ) throws -> Int? {
    let kept = keepsBlocks ? BlockNeeds.total(needs) : 0
    let fixed = BlockNeeds.sum(
      kept,
      WorkingMemory.normBytes(
        of: training.count, in: needs.count, recordsNorms: training.recordsNorms,
        certifies: false))
    // Values of the blocks in flight, their sum, and as it is narrowed and written.
    let inFlight = BlockWalk.blocksAtATime(of: needs.count) + (perBlock ? 2 * needs.count : 0)
    let each = 32 + 8 * inFlight
    let whole = BlockNeeds.sum(fixed, min(1 << 61, each * training.count))
    guard whole > options.memoryBudget else { return nil }
    let atATime = WorkingMemory.examples(within: options.memoryBudget - fixed, each: each)
    let measuring = needs.reduce(0) { BlockNeeds.sum($0, $1.measuringBytes) }
    if atATime < training.count, keepsBlocks, !perBlock, !options.reduction.isShared,
      BlockNeeds.sum(fixed, measuring) <= options.memoryBudget,
      needs.allSatisfy(\.worksByExamples)
    {
      return atATime
    }
    guard whole <= BlockNeeds.sum(options.memoryBudget, WorkingMemory.allowance) else {
      throw InfluenceError.tooManyExamples(
        source: training.name, rows: training.count, bytes: whole, budget: options.memoryBudget,
        isCertified: false)
    }
    return nil
  }

  /// Computes self-influence with the one estimator that was fitted, some examples at a time.
  ///
  /// - Parameters:
  ///   - examplesAtATime: How many examples are worked on together.
  ///   - progress: Called as rows are done.
  ///   - body: Takes the values, from that of the first example to that of the last.
  func selfInfluenceParts(
    examplesAtATime: Int, progress: ProgressHandler?, _ body: ScoreParts.Handler
  ) throws -> ScoreParts {
    switch options.precision {
    case .single:
      return try selfInfluenceParts(examplesAtATime, progress, body, precision: Float.self)
    case .double:
      return try selfInfluenceParts(examplesAtATime, progress, body, precision: Double.self)
    }
  }

  private func selfInfluenceParts<Element: Scalar>(
    _ examplesAtATime: Int, _ progress: ProgressHandler?, _ body: ScoreParts.Handler,
    precision: Element.Type
  ) throws -> ScoreParts {
    var parts = ScoreParts(warnings: warnings)
    let live = contexts.filter { !$0.isDead }
    let kept = BlockNeeds.total(supply.needs)
    let memory = max(0, options.matrixBudget - kept) / max(1, live.count)
    let monitor = partMonitor(stage: "self-influence", progress)
    let values = try live.map { context in
      try supply.block(context.index, monitor: monitor).exampleValues(
        .selfInfluence, ofEstimator: 0,
        pass: GradientPass<Element>(store: training, block: context.index, monitor: monitor),
        memory: memory)
    }
    let isNormalized = estimators[0].normalization == .gradientNorms
    var tally = LostDigits.Tally()
    var warnings: [String] = []
    try forEachPart(of: examplesAtATime, monitor) { rows in
      var sum = Matrix<Double>.zeros(1, rows.count)
      for block in values {
        let part = try block(rows)
        sum.add(Matrix(rows: 1, columns: rows.count, elements: part.values))
        for warning in part.warnings where !warnings.contains(warning) { warnings.append(warning) }
      }
      if isNormalized {
        // gᵢ is both the query and the training example.
        for (column, length) in exampleLengths(of: rows).enumerated() where length > 0 {
          sum[0, column] /= length * length
        }
      }
      tally.add(sum.elements)
      try body(rows.lowerBound, sum)
    }
    parts.warnings += warnings
    parts.largest = tally.largest
    if let warning = tally.warning(noun: "values") {
      parts.warnings.append("\(estimators[0].name): \(warning)")
    }
    return parts
  }
}
