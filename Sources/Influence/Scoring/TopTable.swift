public import Foundation
import TensorFiles

/// The lines of one query in a table of the most extreme scores, as ``ScoreDestination`` has them written.
public struct TopTable: Sendable {
  /// A line of the table.
  public struct Entry: Sendable {
    /// The example's row in the training store.
    public let example: Int
    /// The recorded id; empty where there is none.
    public let id: String
    /// The score as it was written, with the sign of the table's convention.
    public let score: Double
    /// The example's text; nil where the table has none.
    public var text: String?
  }

  /// The names of the columns.
  package static let columns = ["query", "query_id", "side", "rank", "example", "id", "score"]
  /// The name of the column behind these, where the table has texts.
  package static let textColumn = "text"

  /// The most helpful examples, the most helpful first.
  public private(set) var helpful: [Entry] = []
  /// The most harmful examples, the most harmful first.
  public private(set) var harmful: [Entry] = []
  /// How many queries the table holds, as far as it was read.
  public private(set) var queryCount = 0

  /// Whether a file begins as such a table does.
  ///
  /// - Throws: `TensorFileError` where the file cannot be read.
  public static func isTable(at url: URL) throws -> Bool {
    let map = try MemoryMap(opening: url)
    let first = Array(CSVLine.text(columns).utf8.prefix(20))
    return try map.count >= first.count && map.bytes(in: 0..<first.count) == first
  }

  /// Reads the lines of one query.
  ///
  /// - Parameters:
  ///   - url: A table that scores were written into.
  ///   - query: The query's row.
  /// - Throws: ``InfluenceError/damagedTopTable(path:line:reason:)``, or `TensorFileError` where the file
  ///   cannot be read.
  /// - Complexity: reads the lines up to those of the query.
  public init(at url: URL, query: Int) throws {
    let map = try MemoryMap(opening: url)
    var reader = CSVReader(map)
    let header = try reader.next() ?? []
    let hasTexts = header == Self.columns + [Self.textColumn]
    guard header == Self.columns || hasTexts else {
      throw InfluenceError.damagedTopTable(
        path: url.path, line: 1, reason: "does not name the columns")
    }
    while let fields = try reader.next() {
      guard fields.count == header.count, let row = Int(fields[0]), row >= 0, row < .max,
        let example = Int(fields[4]), example >= 0, example < .max, let score = Float(fields[6]),
        score.isFinite
      else {
        throw InfluenceError.damagedTopTable(
          path: url.path, line: reader.line, reason: "is not a query, an example and a score")
      }
      queryCount = max(queryCount, row + 1)
      guard row == query else {
        if row > query, !helpful.isEmpty { break }
        continue
      }
      let entry = Entry(
        example: example, id: CSVLine.unguarded(fields[5]), score: Double(score),
        text: hasTexts ? CSVLine.unguarded(fields[7]) : nil)
      switch fields[2] {
      case "helpful": helpful.append(entry)
      case "harmful": harmful.append(entry)
      default:
        throw InfluenceError.damagedTopTable(
          path: url.path, line: reader.line,
          reason: "names the side \(fields[2]), which is neither helpful nor harmful")
      }
    }
  }
}
