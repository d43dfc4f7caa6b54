package import Foundation
package import OrderedCollections
package import TensorFiles

/// The examples of a user's file, each as a JSON value, in the order of the file.
///
/// The kind of the file is told by the ending of its name, before `.gz` where gzip has packed it.
package struct ExampleFile: Sendable {
  /// The file, for errors.
  package let path: String
  /// A string or an object for each example; whatever else a JSON file holds is kept as well.
  package let examples: [OrderedJSON]

  /// Where the array stands in a JSON file whose value is an object.
  private static let keys = ["train_texts", "texts", "examples", "train", "data", "rows"]

  /// Reads a file.
  ///
  /// - Parameter url: A `.jsonl` (or `.ndjson`) file with a value in each line that is not empty; a `.csv` or `.tsv`
  ///   table with a header, whose rows are objects of strings; a `.txt` file with a text in each line; or a file with
  ///   one JSON array, or an object with such an array under a usual key.
  /// - Throws: ``DataFileError``, or `TensorFileError` for text that is no JSON.
  package init(reading url: URL) throws {
    path = url.path
    let name = url.pathExtension.lowercased() == "gz" ? url.deletingPathExtension() : url
    switch name.pathExtension.lowercased() {
    case "txt":
      let text = ByteOrderMark.removed(from: try DataFile.text(of: url))
      // A line end at the end ends the last line, and begins none.
      var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      if lines.last?.isEmpty == true { lines.removeLast() }
      examples = lines.map { .string(String($0)) }
    case "csv", "tsv":
      let table = try TableFile(reading: url, keepsBlanks: true)
      examples = table.rows.map { row in
        .object(
          OrderedDictionary(uniqueKeysWithValues: zip(table.columns, row.map { .string($0) })))
      }
    case "jsonl", "ndjson":
      examples = try Self.lines(of: url)
    default:
      let json = try Self.json(of: url)
      guard let list = json.array ?? Self.keys.lazy.compactMap({ json[$0]?.array }).first else {
        throw DataFileError.noExamples(path: path, keys: Self.keys)
      }
      examples = list
    }
  }

  /// The members of an example, those under `row` where a viewer of data sets has wrapped it; nil where it is no object.
  package static func members(of example: OrderedJSON) -> OrderedDictionary<String, OrderedJSON>? {
    example["row"]?.object ?? example.object
  }

  private static func json(of url: URL) throws -> OrderedJSON {
    let bytes = try DataFile.bytes(of: url) { _ in DataFile.textLimit }
    let text = ByteOrderMark.removed(from: bytes)
    return try OrderedJSON(parsing: text, path: url.path, offset: bytes.count - text.count)
  }

  /// One JSON value per line; empty lines are none.
  private static func lines(of url: URL) throws -> [OrderedJSON] {
    let bytes = try DataFile.bytes(of: url) { _ in DataFile.textLimit }
    let text = ByteOrderMark.removed(from: bytes)
    var offset = bytes.count - text.count
    var values: [OrderedJSON] = []
    for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      if !line.allSatisfy({ [0x20, 0x09, 0x0d].contains($0) }) {
        values.append(try OrderedJSON(parsing: Array(line), path: url.path, offset: offset))
      }
      offset += line.count + 1
    }
    return values
  }
}
