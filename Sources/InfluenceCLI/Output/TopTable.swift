import Foundation
import InfluenceKit
import Reporting

/// Writes the top examples of each query as lines of CSV, a batch of queries at a time.
///
/// The file appears under its name whole, at the commit, or not at all.
struct TopTableWriter: ~Copyable {
  private var file: AtomicFile
  private let count: Int
  private let convention: ScoreConvention
  private let queryIDs: [String?]?
  private let exampleIDs: [String?]?
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
  init(
    at url: URL, count: Int, convention: ScoreConvention, queryIDs: [String?]?,
    exampleIDs: [String?]?
  ) throws {
    var file = try AtomicFile(at: url)
    try file.write(Array(Table.csvLine(TopTable.columns).utf8))
    self.file = file
    self.count = count
    self.convention = convention
    self.queryIDs = queryIDs
    self.exampleIDs = exampleIDs
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
          lines += Table.csvLine([
            "\(query)", queryIDs?[query] ?? "", side, "\(place + 1)", "\(entry.example)",
            exampleIDs?[entry.example] ?? "", "\(Float(convention.sign * entry.score))",
          ])
        }
      }
      try file.write(Array(lines.utf8))
    }
  }

  /// The whole file, to be committed.
  consuming func finish() -> AtomicFile { file }
}

/// The lines of one query in a table that ``TopTableWriter`` wrote.
struct TopTable {
  /// A line of the table.
  struct Entry {
    let example: Int
    let id: String
    let score: Double
  }

  static let columns = ["query", "query_id", "side", "rank", "example", "id", "score"]

  private(set) var helpful: [Entry] = []
  private(set) var harmful: [Entry] = []
  /// How many queries the table holds, as far as it was read.
  private(set) var queryCount = 0

  /// Whether a file begins as such a table does.
  static func isTable(at url: URL) throws -> Bool {
    let map = try MemoryMap(opening: url)
    let first = Array(Table.csvLine(columns).utf8.prefix(20))
    return try map.count >= first.count && map.bytes(in: 0..<first.count) == first
  }

  /// Reads the lines of one query.
  ///
  /// - Throws: ``Failure/data(_:)`` naming the line that is not as it was written.
  init(at url: URL, query: Int) throws {
    let map = try MemoryMap(opening: url)
    var reader = CSVReader(map: map)
    guard try reader.next() == Self.columns else {
      throw Failure.data("\(url.path): line 1 does not name the columns; score again")
    }
    while let fields = try reader.next() {
      guard fields.count == Self.columns.count, let row = Int(fields[0]), row >= 0,
        let example = Int(fields[4]), example >= 0, let score = Float(fields[6]),
        score.isFinite
      else {
        throw Failure.data(
          "\(url.path): line \(reader.line) is not a query, an example and a score; score again")
      }
      queryCount = max(queryCount, row + 1)
      guard row == query else {
        if row > query, !helpful.isEmpty { break }
        continue
      }
      let entry = Entry(example: example, id: fields[5], score: Double(score))
      switch fields[2] {
      case "helpful": helpful.append(entry)
      case "harmful": harmful.append(entry)
      default:
        throw Failure.data(
          "\(url.path): line \(reader.line) names the side \(fields[2]), which is neither helpful nor harmful; score again"
        )
      }
    }
  }
}

/// Reads comma-separated values after RFC 4180 from a map, a megabyte at a time.
private struct CSVReader {
  let map: MemoryMap
  /// The lines read so far.
  private(set) var line = 0
  private var offset = 0
  private var buffer: [UInt8] = []
  private var place = 0

  init(map: MemoryMap) { self.map = map }

  private mutating func byte() throws -> UInt8? {
    if place == buffer.count {
      let end = min(map.count, offset + (1 << 20))
      guard offset < end else { return nil }
      buffer = try map.bytes(in: offset..<end)
      (offset, place) = (end, 0)
    }
    defer { place += 1 }
    return buffer[place]
  }

  /// The fields of the next record; nil after the last.
  mutating func next() throws -> [String]? {
    var fields: [String] = []
    var field: [UInt8] = []
    var isQuoted = false
    var wasClosed = false
    var isEmpty = true
    while let byte = try byte() {
      isEmpty = false
      switch byte {
      // A doubled mark closes and opens again; the mark itself is kept.
      case UInt8(ascii: "\""):
        if wasClosed, !isQuoted { field.append(byte) }
        wasClosed = isQuoted
        isQuoted.toggle()
      case UInt8(ascii: ",") where !isQuoted:
        fields.append(String(decoding: field, as: UTF8.self))
        field = []
        wasClosed = false
      case UInt8(ascii: "\n") where !isQuoted:
        line += 1
        if field.last == UInt8(ascii: "\r") { field.removeLast() }
        return fields + [String(decoding: field, as: UTF8.self)]
      default: field.append(byte)
      }
    }
    if isEmpty { return nil }
    line += 1
    return fields + [String(decoding: field, as: UTF8.self)]
  }
}
