import Foundation
import LinearAlgebra
import TensorFiles

/// Writes the top examples of each query as lines of CSV, a batch of queries at a time.
///
/// The file appears under its name whole, at the commit, or not at all.
struct TopTableWriter: ~Copyable {
  private var file: AtomicFile
  private let count: Int
  private let convention: ScoreConvention
  private let queryIDs: [String?]?
  private let exampleIDs: [String?]?
  private let exampleTexts: [String]?
  /// The first query's selection.
  private(set) var preview: TopExamples?

  /// Starts a table.
  ///
  /// - Parameters:
  ///   - url: The file.
  ///   - count: How many examples of each side.
  ///   - convention: The sign of the scores that will be appended.
  ///   - queryIDs: The queries' ids, if they have any.
  ///   - exampleIDs: The training examples' ids, if they have any.
  ///   - exampleTexts: The training examples' texts, if they shall have a column.
  init(
    at url: URL, count: Int, convention: ScoreConvention, queryIDs: [String?]?,
    exampleIDs: [String?]?, exampleTexts: [String]?
  ) throws {
    var file = try AtomicFile(at: url)
    let columns = TopTable.columns + (exampleTexts == nil ? [] : [TopTable.textColumn])
    try file.write(Array(CSVLine.text(columns).utf8))
    self.file = file
    self.count = count
    self.convention = convention
    self.queryIDs = queryIDs
    self.exampleIDs = exampleIDs
    self.exampleTexts = exampleTexts
  }

  /// Appends the lines of some queries.
  ///
  /// - Parameters:
  ///   - scores: `queries × training examples`, in the convention.
  ///   - firstQuery: The row of the first of them among all queries.
  mutating func append(_ scores: Matrix<Float>, firstQuery: Int) throws {
    var helpful = scores
    if convention == .influence { helpful.scale(by: -1) }
    for (offset, top) in try TopExamples.all(of: helpful, count: count).enumerated() {
      preview = preview ?? top
      let query = firstQuery + offset
      var lines = ""
      for (side, entries) in [("helpful", top.helpful), ("harmful", top.harmful)] {
        for (place, entry) in entries.enumerated() {
          let text = exampleTexts.map { [$0[entry.example]] } ?? []
          lines += CSVLine.text(
            [
              "\(query)", queryIDs?[query] ?? "", side, "\(place + 1)", "\(entry.example)",
              exampleIDs?[entry.example] ?? "", "\(Float(convention.sign * entry.score))",
            ] + text)
        }
      }
      try file.write(Array(lines.utf8))
    }
  }

  /// The whole file, to be committed.
  consuming func finish() -> AtomicFile { file }
}
