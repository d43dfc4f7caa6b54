import LinearAlgebra
import TensorFiles

/// Anything that scores its queries some rows at a time: a fitted curvature, an ensemble, a method on
/// representations.
protocol BatchScorer {
  /// The number of queries m, at least 1.
  var queryCount: Int { get }
  /// The number of training examples n.
  var exampleCount: Int { get }
  /// The method's name.
  var method: String { get }
  /// The method's settings beside the damping.
  var settings: [String: String] { get }
  /// The most bytes that scores may take, with what they are made from.
  var memoryBudget: Int { get }
  /// What the scores are computed from.
  var provenance: ScoreProvenance { get }

  /// How many queries fit in the memory budget together, at least 1.
  func queriesAtATime(perBlock: Bool) -> Int
  /// How many training examples are scored at a time, one query after the other; nil where whole rows of scores are
  /// made.
  ///
  /// - Throws: ``InfluenceError/tooManyExamples(source:rows:bytes:budget:isCertified:)`` where memory allows neither.
  func examplesAtATime(perBlock: Bool) throws -> Int?
  /// What the user should know before any query is scored.
  ///
  /// - Parameter count: How many queries are scored at a time; nil for all at once.
  func warnings(queriesAtATime count: Int?) -> [String]
  /// Scores some of the queries, or the mean of them.
  func scores(
    ofQueries rows: Range<Int>, aggregation: Aggregation, perBlock: Bool
  ) throws -> Scores
  /// Scores one query, or the mean of some, so many training examples at a time.
  func scoreParts(
    ofQueries rows: Range<Int>, aggregation: Aggregation, examplesAtATime: Int,
    _ body: ScoreParts.Handler
  ) throws -> ScoreParts
}

extension BatchScorer {
  /// Nil: whole rows of scores are made.
  func examplesAtATime(perBlock: Bool) throws -> Int? { nil }

  func scoreParts(
    ofQueries rows: Range<Int>, aggregation: Aggregation, examplesAtATime: Int,
    _ body: ScoreParts.Handler
  ) throws -> ScoreParts {
    preconditionFailure("\(method) makes whole rows of scores")
  }
}

extension BatchScorer {
  /// Scores as many queries at a time as memory allows, and writes their rows as they are made.
  func write(
    into destination: ScoreDestination, aggregation: ScoreAggregation, convention: ScoreConvention,
    details: RecordDetails
  ) throws -> ScoreSummary {
    let rowCount = aggregation == .none ? queryCount : 1
    let examplesAtATime = try examplesAtATime(perBlock: destination.form == .blockShares)
    if aggregation.combinesRows {
      precondition(destination.form != .blockShares, "shares of \(aggregation.rawValue)")
      try requireMemory(combining: aggregation, holdsRows: examplesAtATime == nil)
    }
    let writing = Writing(
      scorer: self, destination: destination, aggregation: aggregation, convention: convention,
      details: details, rowCount: rowCount, examplesAtATime: examplesAtATime)
    switch destination.form {
    case .top(let count):
      precondition(
        destination.exampleTexts.map { $0.count == exampleCount } ?? true,
        "\(destination.exampleTexts?.count ?? 0) texts of \(exampleCount) examples")
      return try writing.run(
        TopTableWriter(
          at: destination.file.url, count: count, convention: convention,
          queryIDs: aggregation == .none ? provenance.queries.exampleIDs() : nil,
          exampleIDs: examplesAtATime == nil
            ? .known(provenance.training.exampleIDs()) : .read(provenance.training),
          exampleCount: exampleCount,
          exampleTexts: destination.exampleTexts.map { .known($0) }
            ?? (provenance.training.hasExampleTexts() ? .read(provenance.training) : nil)))
    case .array:
      return try writing.run(
        NumpyWriter(at: destination.file.url, shape: [rowCount, exampleCount]))
    case .blockShares:
      return try writing.run(
        NumpyWriter(
          at: destination.file.url, shape: [rowCount, exampleCount, provenance.contexts.count]))
    }
  }
}

extension BatchScorer {
  /// Refuses to combine rows of scores that do not fit in memory.
  private func requireMemory(
    combining aggregation: ScoreAggregation, holdsRows: Bool
  ) throws(InfluenceError) {
    let bytes = RowAggregate.bytes(aggregation, queries: queryCount, examples: exampleCount)
    guard !holdsRows || bytes > memoryBudget else { return }
    throw .aggregationTooLarge(
      aggregation: aggregation.rawValue, queries: queryCount, examples: exampleCount, bytes: bytes,
      budget: memoryBudget)
  }
}

/// One run of a scorer into one destination.
private struct Writing<Scorer: BatchScorer> {
  let scorer: Scorer
  let destination: ScoreDestination
  let aggregation: ScoreAggregation
  let convention: ScoreConvention
  let details: RecordDetails
  let rowCount: Int
  let examplesAtATime: Int?

  func run<Sink: ScoreSink & ~Copyable>(_ sink: consuming Sink) throws -> ScoreSummary {
    var sink = sink
    var summary: ScoreSummary
    if aggregation.combinesRows {
      summary = try appendCombined(to: &sink)
    } else if let examplesAtATime {
      summary = try appendParts(to: &sink, examplesAtATime: examplesAtATime)
    } else {
      summary = try appendRows(to: &sink)
    }
    // What waits is written before anything is said of it.
    let preview = sink.preview
    let file = try sink.finish()
    summary.preview = preview
    let record = ScoreRecord(
      summary: summary, provenance: scorer.provenance, convention: convention,
      form: destination.form, details: details)
    try destination.file.commit(file, record: try record.json())
    return summary
  }

  private func summary(warnings: [String]) -> ScoreSummary {
    ScoreSummary(
      method: scorer.method, settings: scorer.settings, aggregation: aggregation,
      queryCount: rowCount, exampleCount: scorer.exampleCount, warnings: warnings)
  }

  /// Appends the scores of one query after the other, some examples at a time.
  private func appendParts<Sink: ScoreSink & ~Copyable>(
    to sink: inout Sink, examplesAtATime: Int
  ) throws -> ScoreSummary {
    var summary = summary(warnings: [])
    for row in 0..<rowCount {
      let rows = aggregation == .mean ? 0..<scorer.queryCount : row..<row + 1
      let parts = try scorer.scoreParts(
        ofQueries: rows, aggregation: aggregation.ofGradients, examplesAtATime: examplesAtATime
      ) { first, part in
        var part = part
        if convention == .influence { part.scale(by: -1) }
        try sink.append(
          part: destination.file.narrowed(part), query: row,
          isLast: first + part.columns == scorer.exampleCount)
      }
      summary.add(parts)
    }
    return summary
  }

  /// Appends the one row that stands for those of all queries.
  private func appendCombined<Sink: ScoreSink & ~Copyable>(
    to sink: inout Sink
  ) throws -> ScoreSummary {
    let atATime = scorer.queriesAtATime(perBlock: false)
    var summary = summary(
      warnings: scorer.warnings(queriesAtATime: atATime < scorer.queryCount ? atATime : nil))
    var aggregate = RowAggregate(aggregation, columns: scorer.exampleCount)
    for first in stride(from: 0, to: scorer.queryCount, by: atATime) {
      let scores = try scorer.scores(
        ofQueries: first..<min(scorer.queryCount, first + atATime), aggregation: .none,
        perBlock: false)
      try aggregate.add(scores.values)
      scores.summarize(into: &summary)
    }
    var row = aggregate.row()
    // The bounds are of each query's scores, and not of what is written.
    summary.bounds = []
    summary.largest = row.elements.reduce(0) { max($0, abs($1)) }
    summary.warnings += [aggregate.warning].compactMap(\.self)
    if convention == .influence { row.scale(by: -1) }
    try sink.append(destination.file.narrowed(row), firstQuery: 0)
    return summary
  }

  /// Appends whole rows of scores, as many at a time as memory allows.
  private func appendRows<Sink: ScoreSink & ~Copyable>(
    to sink: inout Sink
  ) throws -> ScoreSummary {
    let perBlock = destination.form == .blockShares
    // The mean is one row, whatever the number of queries.
    let atATime =
      aggregation == .mean ? scorer.queryCount : scorer.queriesAtATime(perBlock: perBlock)
    var summary = summary(
      warnings: scorer.warnings(queriesAtATime: atATime < rowCount ? atATime : nil))
    for first in stride(from: 0, to: scorer.queryCount, by: atATime) {
      let rows = first..<min(scorer.queryCount, first + atATime)
      let scores = try scorer.scores(
        ofQueries: rows, aggregation: aggregation.ofGradients, perBlock: perBlock)
      let values = scores.shares?.interleaved(in: convention) ?? scores.values(in: convention)
      try sink.append(destination.file.narrowed(values), firstQuery: first)
      scores.summarize(into: &summary)
    }
    return summary
  }
}
