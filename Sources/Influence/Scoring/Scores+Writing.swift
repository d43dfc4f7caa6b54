public import Foundation
import LinearAlgebra
public import TensorFiles

extension Scores {
  /// The training examples' ids as they were recorded; nil where there are none.
  ///
  /// - Throws: An error of `examples.jsonl`.
  /// - Complexity: reads the line of every example.
  public func exampleIDs() throws -> [String?]? { try provenance.training.exampleIDs() }

  /// The queries' ids as they were recorded; nil where there are none, or for the mean of the queries.
  ///
  /// - Throws: An error of `examples.jsonl`.
  /// - Complexity: reads the line of every query.
  public func queryIDs() throws -> [String?]? {
    aggregation == .mean ? nil : try provenance.queries.exampleIDs()
  }

  /// The most helpful and the most harmful training examples of each query.
  ///
  /// - Parameter count: How many of each; at least 1.
  /// - Returns: One selection per query.
  /// - Throws: ``InfluenceError/notFiniteScore(row:column:)``.
  /// - Complexity: O(mn log k).
  public func top(_ count: Int) throws -> [TopExamples] {
    try TopExamples.all(of: values, count: count)
  }

  /// The record of all scores: method, settings, damping, sides, sources with checksums, seconds, warnings.
  ///
  /// - Parameters:
  ///   - convention: The sign of the scores that the record is about.
  ///   - details: What the program adds to it.
  /// - Throws: An error from reading the stores for their checksums.
  public func record(
    convention: ScoreConvention = .helpful, details: RecordDetails = RecordDetails()
  ) throws -> OrderedJSON {
    var summary = ScoreSummary(
      method: method, settings: settings, aggregation: ScoreAggregation(aggregation),
      queryCount: queryCount,
      exampleCount: exampleCount, warnings: [])
    summarize(into: &summary)
    return try ScoreRecord(
      summary: summary, provenance: provenance, convention: convention, form: .array,
      details: details
    ).json()
  }

  /// Writes all scores as a `.npy` array of float32, and their record beside it.
  ///
  /// - Parameters:
  ///   - url: The array.
  ///   - convention: What a positive score means.
  ///   - details: What the program adds to the record.
  /// - Throws: ``InfluenceError/exceedsSingle(path:value:)``, or an error of a file.
  public func write(
    to url: URL, convention: ScoreConvention = .helpful, details: RecordDetails = RecordDetails()
  ) throws {
    let file = RecordedFile(at: url)
    var writer = try NumpyWriter(at: url, rows: queryCount, columns: exampleCount)
    try writer.append(file.narrowed(values(in: convention)))
    try file.commit(writer.finish(), record: record(convention: convention, details: details))
  }

  /// Adds these scores to what is known of the scores of earlier queries.
  func summarize(into summary: inout ScoreSummary) {
    summary.residuals += certificate?.relativeResiduals ?? []
    summary.isMeasured = certificate?.isMeasured ?? false
    for (query, bound) in (certificate?.errorBounds() ?? []).enumerated() {
      summary.addBound(bound, largest: values[row: query].reduce(0) { max($0, abs($1)) })
    }
    summary.largest = values.elements.reduce(summary.largest) { max($0, abs($1)) }
    summary.seconds += seconds
    if summary.convergence.isEmpty { summary.convergence = convergence }
    for warning in warnings where !summary.warnings.contains(warning) {
      summary.warnings.append(warning)
    }
  }
}
