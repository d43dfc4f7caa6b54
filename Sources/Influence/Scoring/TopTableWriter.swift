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
  private let exampleIDs: ExampleIDs
  private let exampleCount: Int
  private let exampleTexts: ExampleTexts?
  /// The first query's selection.
  private(set) var preview: TopExamples?
  /// The selection of a query whose scores come some at a time.
  private var selecting: TopExamples.Selecting<Float>?
  /// Selections that wait for the ids of their examples.
  private var waiting: [(query: Int, top: TopExamples)] = []

  /// Where the training examples' ids come from.
  enum ExampleIDs {
    /// From memory, one entry per row; nil where there are none.
    case known([String?]?)
    /// From the source, for the rows that are written alone.
    case read(ScoreSource)

    /// The ids of some rows.
    func ids(ofRows rows: Set<Int>) throws -> [Int: String] {
      switch self {
      case .known(let ids): rows.reduce(into: [:]) { $0[$1] = ids?[$1] }
      case .read(let source): try source.exampleIDs(ofRows: rows)
      }
    }
  }

  /// Where the training examples' texts come from.
  enum ExampleTexts {
    /// From memory, one per row.
    case known([String])
    /// From the source, for the rows that are written alone.
    case read(ScoreSource)

    /// The texts of some rows.
    func texts(ofRows rows: Set<Int>) throws -> [Int: String] {
      switch self {
      case .known(let texts): rows.reduce(into: [:]) { $0[$1] = texts[$1] }
      case .read(let source): try source.exampleTexts(ofRows: rows)
      }
    }
  }

  /// How many lines wait for ids that are read: each reading goes over all examples.
  private static let mostWaiting = 1 << 16

  /// Starts a table.
  ///
  /// - Parameters:
  ///   - url: The file.
  ///   - count: How many examples of each side.
  ///   - convention: The sign of the scores that will be appended.
  ///   - queryIDs: The queries' ids, if they have any.
  ///   - exampleIDs: The training examples' ids.
  ///   - exampleCount: n.
  ///   - exampleTexts: The training examples' texts, if they shall have a column.
  init(
    at url: URL, count: Int, convention: ScoreConvention, queryIDs: [String?]?,
    exampleIDs: ExampleIDs, exampleCount: Int, exampleTexts: ExampleTexts?
  ) throws {
    var file = try AtomicFile(at: url)
    let columns = TopTable.columns + (exampleTexts == nil ? [] : [TopTable.textColumn])
    try file.write(Array(CSVLine.text(columns).utf8))
    self.file = file
    self.count = count
    self.convention = convention
    self.queryIDs = queryIDs
    self.exampleIDs = exampleIDs
    self.exampleCount = exampleCount
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
      try append(top, query: firstQuery + offset)
    }
    try writeWaiting()
  }

  /// Adds the scores of some examples to the selection of a query, whose lines follow its last.
  mutating func append(part: Matrix<Float>, query: Int, isLast: Bool) throws {
    var helpful = part
    if convention == .influence { helpful.scale(by: -1) }
    var selecting =
      selecting ?? TopExamples.Selecting(count: count, of: exampleCount)
    try selecting.add(helpful.elements, 0..<helpful.columns, row: query)
    self.selecting = isLast ? nil : selecting
    if isLast { try append(selecting.top, query: query) }
  }

  /// Adds the selection of a query, whose lines are written before the table is finished.
  mutating func append(_ top: TopExamples, query: Int) throws {
    preview = preview ?? top
    waiting.append((query, top))
    if waiting.count * 2 * min(count, exampleCount) >= Self.mostWaiting { try writeWaiting() }
  }

  /// Writes the lines of selections.
  private mutating func writeWaiting() throws {
    guard !waiting.isEmpty else { return }
    let rows = Set(waiting.flatMap { ($0.top.helpful + $0.top.harmful).map(\.example) })
    let ids = try exampleIDs.ids(ofRows: rows)
    let texts = try exampleTexts?.texts(ofRows: rows)
    for (query, top) in waiting {
      var lines = ""
      for (side, entries) in [("helpful", top.helpful), ("harmful", top.harmful)] {
        for (place, entry) in entries.enumerated() {
          let text = texts.map { [$0[entry.example] ?? ""] } ?? []
          lines += CSVLine.text(
            [
              "\(query)", queryIDs?[query] ?? "", side, "\(place + 1)", "\(entry.example)",
              ids[entry.example] ?? "", "\(Float(convention.sign * entry.score))",
            ] + text)
        }
      }
      try file.write(Array(lines.utf8))
    }
    waiting = []
  }

  /// The whole file, to be committed.
  consuming func finish() throws -> AtomicFile {
    try writeWaiting()
    return file
  }
}
