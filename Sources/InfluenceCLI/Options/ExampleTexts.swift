import ArgumentParser
import Foundation
import InfluenceKit
import OrderedCollections

/// Where the training examples' texts are, and which of their fields is shown.
struct ExampleTextOptions: ParsableArguments {
  @Option("The training examples' texts: .json, .jsonl, .csv, .tsv or .txt.", value: "path")
  var examples: String?
  @Option("The field of each example that is its text; guessed unless given.", value: "field")
  var text: String?

  func validate() throws {
    if text != nil, examples == nil {
      throw ValidationError("--text names a field of --examples: give both")
    }
  }

  /// The texts, if a file was given.
  func texts() throws -> ExampleTexts? {
    try examples.map { try ExampleTexts(at: URL(filePath: $0), field: text) }
  }

  /// Adds the texts to what is written, if a file was given.
  ///
  /// - Throws: ``Failure`` where there are not as many as training examples.
  func add(to destination: inout ScoreDestination, count: Int) throws {
    guard let texts = try texts()?.texts else { return }
    guard texts.count == count else {
      throw Failure.data(
        "\(examples ?? ""): it holds \(texts.count) examples, but there are \(count) training rows; give the file that the gradients were computed from"
      )
    }
    destination.exampleTexts = texts
  }

  /// What `--help` says of the files.
  static let discussion = """
    EXAMPLES' TEXTS
      --examples takes a JSON array of texts or objects, an object with such an
      array under "train_texts", "texts", "examples", "train", "data" or "rows",
      a .jsonl file with one example per line, a .csv or .tsv table with a header
      line, a .txt file with one text per line, or a store's folder (its
      examples.jsonl). --text names the field or column; otherwise it is guessed:
      messages of chats, instruction and input, text, prompt, sentence, question.
    """
}

/// The training examples' texts from a user's file.
struct ExampleTexts {
  let texts: [String]

  private static let keys = ["train_texts", "texts", "examples", "train", "data", "rows"]

  /// Reads a file by its ending; see ``ExampleTextOptions``.
  ///
  /// - Parameters:
  ///   - url: The file, or a store's folder.
  ///   - field: The field that holds the text; guessed unless given.
  init(at url: URL, field: String? = nil) throws {
    let isFolder = FileManager.default.isFolder(atPath: url.path)
    let url = isFolder ? url.appending(path: "examples.jsonl") : url
    let examples: [OrderedJSON]
    switch url.pathExtension.lowercased() {
    case "txt":
      let text = try Self.text(of: url)
      // A line end at the end ends the last line, and begins none.
      var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      if lines.last?.isEmpty == true { lines.removeLast() }
      examples = lines.map { .string(String($0)) }
    case "csv", "tsv":
      let table = try TableFile(reading: url)
      examples = table.rows.map { row in
        .object(
          OrderedDictionary(uniqueKeysWithValues: zip(table.columns, row.map { .string($0) })))
      }
    case "jsonl", "ndjson":
      examples = try Self.lines(of: url)
    default:
      let json = try OrderedJSON(contentsOf: url)
      guard let list = json.array ?? Self.keys.lazy.compactMap({ json[$0]?.array }).first else {
        throw Failure.data(
          "\(url.path): there is neither an array of examples nor one under \(Self.keys.joined(separator: ", ")); give one text a training row"
        )
      }
      examples = list
    }
    let form = ExampleText(field: field, path: url.path)
    texts = try examples.enumerated().map { try form.text(of: $1, index: $0) }
  }

  private static func text(of url: URL) throws -> String {
    let bytes = try ByteOrderMark.removed(from: TextFile.bytes(at: url.path))
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Failure.data("\(url.path): it is no text in UTF-8; save it so")
    }
    return text
  }

  /// One JSON value per line; empty lines are none.
  private static func lines(of url: URL) throws -> [OrderedJSON] {
    let bytes = try TextFile.bytes(at: url.path)
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

  /// A text cut to a table's width.
  static func shortened(_ text: String, to length: Int = 80) -> String {
    text.count > length ? text.prefix(length - 1) + "…" : text
  }
}
