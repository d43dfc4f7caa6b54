import ArgumentParser
import Foundation
import InfluenceKit

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

  /// Reads a file by its ending; see ``ExampleTextOptions``.
  ///
  /// - Parameters:
  ///   - url: The file, or a store's folder.
  ///   - field: The field that holds the text; guessed unless given.
  init(at url: URL, field: String? = nil) throws {
    let isFolder = FileManager.default.isFolder(atPath: url.path)
    let url = isFolder ? url.appending(path: "examples.jsonl") : url
    let file = try ExampleFile(reading: url)
    let form = ExampleText(field: field, path: file.path)
    texts = try file.examples.enumerated().map { try form.text(of: $1, index: $0) }
  }

  /// A text cut to a table's width.
  static func shortened(_ text: String, to length: Int = 80) -> String {
    text.count > length ? text.prefix(length - 1) + "…" : text
  }
}
