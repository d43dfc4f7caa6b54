import Foundation
import LinearAlgebra
package import TensorFiles

/// A file that takes the scores of some queries at a time.
protocol ScoreSink: ~Copyable {
  /// The first query's most extreme examples, where only those are written.
  var preview: TopExamples? { get }
  /// Appends the scores of some queries.
  ///
  /// - Parameters:
  ///   - scores: One row per query, with the sign of a convention.
  ///   - firstQuery: The row of the first of them among all queries.
  mutating func append(_ scores: Matrix<Float>, firstQuery: Int) throws
  /// Appends the scores of some examples for one query; those of the first example come first.
  ///
  /// - Parameters:
  ///   - part: `1 × examples`, with the sign of a convention.
  ///   - query: The query's row.
  ///   - isLast: Whether the query has no further scores.
  mutating func append(part: Matrix<Float>, query: Int, isLast: Bool) throws
  /// The whole file, to be committed.
  consuming func finish() throws -> AtomicFile
}

extension NumpyWriter: ScoreSink {
  var preview: TopExamples? { nil }
  mutating func append(_ scores: Matrix<Float>, firstQuery: Int) throws { try append(scores) }
  mutating func append(part: Matrix<Float>, query: Int, isLast: Bool) throws {
    try append(partOfRow: part)
  }
}

extension TopTableWriter: ScoreSink {}

extension RecordedFile {
  /// Numbers as this file holds them.
  ///
  /// - Throws: ``InfluenceError/exceedsSingle(path:value:)`` for the first number that is finite and too
  ///   large for float32.
  func narrowed(_ values: Matrix<Double>) throws(InfluenceError) -> Matrix<Float> {
    let narrow = Matrix<Float>(converting: values)
    for (value, stored) in zip(values.elements, narrow.elements)
    where value.isFinite && !stored.isFinite {
      throw .exceedsSingle(path: url.path, value: value)
    }
    return narrow
  }

  /// Writes one number per example as a `.npy` array of float32, with its record.
  ///
  /// - Throws: ``InfluenceError/exceedsSingle(path:value:)``, or an error of the file.
  package func write(vector: [Double], record: OrderedJSON) throws {
    let narrow = try narrowed(Matrix(rows: 1, columns: vector.count, elements: vector))
    try commit(NumpyFile.prepare(narrow.elements, at: url), record: record)
  }
}
