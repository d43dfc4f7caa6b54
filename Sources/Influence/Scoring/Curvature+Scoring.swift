public import Gradients
import LinearAlgebra
public import TensorFiles

extension Curvature {
  /// Scores queries with the one estimator that was fitted, and writes the scores with their record.
  ///
  /// As many queries are scored at a time as the memory budget allows, and their rows are written as they
  /// are made: the number of queries is not limited by memory. With several estimators, write the results
  /// of ``scores(of:aggregation:perBlock:progress:eachBlock:)`` one by one.
  ///
  /// - Parameters:
  ///   - queries: m rows of gradients, with the training store's blocks in any order.
  ///   - destination: Where scores are written, and how much of them.
  ///   - aggregation: One row of scores per query, or one row for all of them.
  ///   - convention: What a positive score means.
  ///   - details: What the program adds to the record.
  ///   - progress: Called as blocks are done.
  /// - Returns: What is known of the scores.
  /// - Throws: ``InfluenceError``, or an error from reading a store or writing a file; nothing is left
  ///   under the destination's name then, and an earlier file stays.
  /// - Complexity: as of ``scores(of:aggregation:perBlock:progress:eachBlock:)``; a curvature that does
  ///   not keep its blocks fits them anew for each set of queries.
  @discardableResult
  public func score(
    _ queries: GradientStore, into destination: ScoreDestination,
    aggregation: ScoreAggregation = .none, convention: ScoreConvention = .helpful,
    details: RecordDetails = RecordDetails(), progress: ProgressHandler? = nil
  ) throws -> ScoreSummary {
    precondition(estimators.count == 1, "\(estimators.count) estimators for one destination")
    guard queries.count > 0 else { throw InfluenceError.empty(source: queries.name) }
    return try FittedScorer(curvature: self, queries: queries, progress: progress).write(
      into: destination, aggregation: aggregation, convention: convention, details: details)
  }

  /// Computes self-influence with the one estimator that was fitted, and writes it with its record.
  ///
  /// - Parameters:
  ///   - file: A `.npy` array of float32: n values, or with `perBlock` each block's share of them,
  ///     `n × blocks`.
  ///   - perBlock: Whether the shares of blocks are written.
  ///   - details: What the program adds to the record.
  ///   - progress: Called as blocks are done.
  /// - Returns: What is known of the values, and the largest.
  /// - Throws: ``InfluenceError``, or an error from reading the store or writing a file.
  @discardableResult
  public func selfInfluence(
    into file: RecordedFile, perBlock: Bool = false, details: RecordDetails = RecordDetails(),
    progress: ProgressHandler? = nil
  ) throws -> SelfInfluenceSummary {
    precondition(estimators.count == 1, "\(estimators.count) estimators for one file")
    let clock = ContinuousClock()
    let start = clock.now
    var selecting = TopExamples.Selecting<Double>(
      count: SelfInfluenceSummary.largestCount, of: training.count)
    let written: AtomicFile
    let warnings: [String]
    if let examplesAtATime = try selfInfluencePart(perBlock: perBlock) {
      var writer = try NumpyWriter(at: file.url, shape: [training.count])
      warnings = try selfInfluenceParts(examplesAtATime: examplesAtATime, progress: progress) {
        _, part in
        try selecting.add(part.elements, 0..<part.columns, row: 0)
        let narrow = try file.narrowed(part)
        try writer.append(Matrix(rows: part.columns, columns: 1, elements: narrow.elements))
      }.warnings
      written = writer.finish()
    } else {
      let influence = try selfInfluence(perBlock: perBlock, progress: progress)[0]
      try selecting.add(influence.values, influence.values.indices, row: 0)
      warnings = influence.warnings
      written = try influence.prepare(for: file)
    }
    let summary = SelfInfluenceSummary(
      method: estimators[0].name, exampleCount: training.count, largest: selecting.top.helpful,
      warnings: warnings, seconds: (clock.now - start).inSeconds)
    let provenance = provenance(ofEstimator: 0, queries: training)
    let total = seconds + summary.seconds
    let names = contexts.map(\.name)
    let record: OrderedJSON = [
      "format": perBlock ? "influencekit-block-self-influence" : "influencekit-self-influence",
      "version": 1, "method": .string(estimators[0].name),
      "settings": .settings(estimators[0].settings),
      "damping": .string(options.damping.description),
      "partition": training.partition.json,
      "rows": .integer(summary.exampleCount),
      "axes": perBlock ? ["training example", "block"] : ["training example"],
      "block_names": perBlock ? .list(names) : .null,
      "precision": .string(options.precision.rawValue),
      "fit": .text(details.fit),
      "blocks": provenance.blockRecords,
      "train": try training.record(),
      "seconds": .number(total),
      "work": provenance.workRecord(seconds: total),
      "warnings": .list(summary.warnings.map(details.wording)),
    ]
    try file.commit(
      written, record: record.adding(details.program).adding(try provenance.inputRecord()))
    return summary
  }
}

extension Curvature {
  /// What scores by one of the estimators are computed from.
  func provenance(ofEstimator index: Int, queries: GradientStore) -> ScoreProvenance {
    let (estimator, training) = (estimators[index], training)
    return ScoreProvenance(
      damping: options.damping, precision: options.precision, combination: options.combination,
      contexts: contexts, choices: choices(forEstimator: index), training: .gradients(training),
      queries: .gradients(queries), members: [],
      inputs: { try estimator.inputRecords(on: training) }, fitSeconds: seconds,
      meter: options.meter)
  }
}

/// A curvature with the queries that it scores.
private struct FittedScorer: BatchScorer {
  let curvature: Curvature
  let queries: GradientStore
  let progress: ProgressHandler?

  var queryCount: Int { queries.count }
  var exampleCount: Int { curvature.training.count }
  var method: String { curvature.estimators[0].name }
  var settings: [String: String] { curvature.estimators[0].settings }
  var provenance: ScoreProvenance { curvature.provenance(ofEstimator: 0, queries: queries) }

  var memoryBudget: Int { curvature.options.memoryBudget }

  func queriesAtATime(perBlock: Bool) -> Int {
    curvature.queriesAtATime(of: queries.count, perBlock: perBlock)
  }

  func examplesAtATime(perBlock: Bool) throws -> Int? {
    let memory = curvature.workingMemory(1, perBlock: perBlock)
    try memory.requireStart(on: curvature.training, options: curvature.options)
    return memory.examplesAtATime
  }

  func scoreParts(
    ofQueries rows: Range<Int>, aggregation: Aggregation, examplesAtATime: Int,
    _ body: ScoreParts.Handler
  ) throws -> ScoreParts {
    try curvature.scoreParts(
      of: queries[rows: rows], countedFrom: rows.lowerBound, aggregation,
      examplesAtATime: examplesAtATime, progress: progress, body)
  }

  func warnings(queriesAtATime count: Int?) -> [String] {
    guard let count, !curvature.keepsBlocks else { return curvature.warnings }
    return curvature.warnings + [
      "the matrices of all blocks do not fit in memory together, nor the scores of all queries: they are made anew for each \(count) queries; give a larger memory budget, or keep the fit in files"
    ]
  }

  func scores(
    ofQueries rows: Range<Int>, aggregation: Aggregation, perBlock: Bool
  ) throws -> Scores {
    try curvature.scores(
      of: queries[rows: rows], countedFrom: rows.lowerBound, aggregation, perBlock: perBlock,
      progress: progress)[0]
  }
}
