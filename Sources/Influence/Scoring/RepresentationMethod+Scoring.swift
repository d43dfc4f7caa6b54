import Gradients
import LinearAlgebra
public import TensorFiles

extension RepresentationMethod {
  /// Scores queries by their representations, and writes the scores with their record.
  ///
  /// - Parameters:
  ///   - queries: m examples with their labels.
  ///   - training: n examples.
  ///   - destination: Where scores are written: all of them, or the most extreme of each query.
  ///   - aggregation: One row of scores per query, or the mean of the rows.
  ///   - convention: What a positive score means.
  ///   - memoryBudget: The most bytes that scores and what they are made from may take; a quarter of the
  ///     machine's memory unless given.
  ///   - details: What the program adds to the record.
  ///   - progress: Called as queries are done.
  /// - Returns: What is known of the scores.
  /// - Throws: ``InfluenceError``, or an error from writing a file.
  @discardableResult
  public func score(
    _ queries: RepresentedExamples, on training: RepresentedExamples,
    into destination: ScoreDestination, aggregation: ScoreAggregation = .none,
    convention: ScoreConvention = .helpful, memoryBudget: Int? = nil,
    details: RecordDetails = RecordDetails(), progress: ProgressHandler? = nil
  ) throws -> ScoreSummary {
    precondition(destination.form != .blockShares, "representations have no blocks")
    guard queries.count > 0 else {
      throw InfluenceError.empty(source: queries.representations.source)
    }
    return try RepresentationScorer(
      representationMethod: self, queries: queries, training: training,
      memoryBudget: CurvatureOptions(memoryBudget: memoryBudget).memoryBudget, progress: progress
    ).write(
      into: destination, aggregation: aggregation, convention: convention, details: details)
  }

  /// Computes the score of every training example on itself, and writes the scores with their record.
  ///
  /// - Parameters:
  ///   - training: n examples.
  ///   - file: A `.npy` array of n float32 values.
  ///   - details: What the program adds to the record.
  /// - Throws: ``InfluenceError``, or an error from writing a file.
  public func selfInfluence(
    on training: RepresentedExamples, into file: RecordedFile,
    details: RecordDetails = RecordDetails()
  ) throws -> SelfInfluence {
    let influence = SelfInfluence(
      method: name, values: try selfInfluence(on: training.representations), warnings: [])
    let record: OrderedJSON = [
      "format": "influencekit-self-influence", "version": 1, "method": .string(name),
      "settings": .settings(settings),
      "rows": .integer(influence.values.count),
      "train": try training.record(),
    ]
    try influence.write(into: file, record: record.adding(details.program))
    return influence
  }
}

extension RepresentedExamples {
  /// What scores of queries by these examples are computed from.
  func provenance(scoring queries: RepresentedExamples) -> ScoreProvenance {
    ScoreProvenance(
      damping: nil, precision: nil, contexts: [], choices: [],
      training: .representations(self), queries: .representations(queries), members: [],
      fitSeconds: 0, meter: nil)
  }
}

/// A method on representations with the examples that it scores.
private struct RepresentationScorer: BatchScorer {
  let representationMethod: any RepresentationMethod
  let queries: RepresentedExamples
  let training: RepresentedExamples
  let memoryBudget: Int
  let progress: ProgressHandler?

  var queryCount: Int { queries.count }
  var exampleCount: Int { training.count }
  var method: String { representationMethod.name }
  var settings: [String: String] { representationMethod.settings }
  var provenance: ScoreProvenance { training.provenance(scoring: queries) }

  func queriesAtATime(perBlock: Bool) -> Int {
    // Products, values, their rows and as they are narrowed.
    max(1, min(queryCount, memoryBudget / max(1, 32 * exampleCount)))
  }

  func warnings(queriesAtATime count: Int?) -> [String] { [] }

  /// The scores of a batch; the mean goes over the queries in batches of its own, since its rows are
  /// made one by one.
  func scores(
    ofQueries rows: Range<Int>, aggregation: Aggregation, perBlock: Bool
  ) throws -> Scores {
    guard aggregation == .mean else { return try scores(rows, .none) }
    var sum: Scores?
    var mean = Matrix<Double>.zeros(1, exampleCount)
    let atATime = queriesAtATime(perBlock: false)
    for first in stride(from: rows.lowerBound, to: rows.upperBound, by: atATime) {
      let part = first..<min(rows.upperBound, first + atATime)
      var scores = try scores(part, .mean)
      mean.add(scores.values, scale: Double(part.count) / Double(rows.count))
      scores.seconds += sum?.seconds ?? 0
      sum = scores
    }
    guard var sum else { preconditionFailure("there is a query") }
    sum.values = mean
    return sum
  }

  private func scores(_ rows: Range<Int>, _ aggregation: Aggregation) throws -> Scores {
    let scores = try representationMethod.scores(
      of: queries.representations[rows: rows], on: training.representations,
      aggregation: aggregation)
    progress?("scoring", Double(rows.upperBound) / Double(queryCount))
    return scores
  }
}
