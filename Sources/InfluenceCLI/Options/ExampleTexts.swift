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
  ///
  /// - Parameter label: The field that holds the label; guessed unless given.
  func texts(label: String? = nil) throws -> ExampleTexts? {
    try examples.map { try ExampleTexts(at: URL(filePath: $0), field: text, label: label) }
  }

  /// Adds the texts to what is written, if a file was given.
  ///
  /// - Throws: ``Failure`` where there are not as many as training examples.
  func add(to destination: inout ScoreDestination, count: Int) throws {
    destination.exampleTexts = try texts(count: count)?.texts
  }

  /// The texts of so many training examples, if a file was given.
  ///
  /// - Throws: ``Failure`` where there are not as many.
  func texts(count: Int, label: String? = nil) throws -> ExampleTexts? {
    guard let texts = try texts(label: label) else { return nil }
    guard texts.texts.count == count else {
      throw Failure.data(
        "\(examples ?? ""): it holds \(texts.texts.count) examples, but there are \(count) training rows; give the file that the gradients were computed from"
      )
    }
    return texts
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
      The label is the field that --label names, where a command has that, or
      label, labels, class, target or sentiment.
    """
}

/// Where the training examples' texts and labels are.
struct LabelledTextOptions: ParsableArguments {
  @OptionGroup var texts: ExampleTextOptions
  @Option("The field of each example that is its label; guessed unless given.", value: "field")
  var label: String?

  func validate() throws {
    if label != nil, texts.examples == nil {
      throw ValidationError("--label names a field of --examples: give both")
    }
  }

  /// The file, if one was given.
  var examples: String? { texts.examples }

  /// The texts and labels of so many training examples, if a file was given.
  ///
  /// - Throws: ``Failure`` where there are not as many.
  func texts(count: Int) throws -> ExampleTexts? { try texts.texts(count: count, label: label) }
}

/// The training examples' texts from a user's file.
struct ExampleTexts {
  let texts: [String]
  /// The examples' ids; nil for those without one.
  let ids: [String?]
  /// The examples' labels; nil for those without one.
  let labels: [String?]
  /// The examples' losses, of a field `loss`; nil for those without one.
  let losses: [Double?]
  /// What the model says of the examples, of a field `predicted` or `prediction`; nil for those without one.
  let predictions: [String?]

  /// Reads a file by its ending; see ``ExampleTextOptions``.
  ///
  /// - Parameters:
  ///   - url: The file, or a store's folder.
  ///   - field: The field that holds the text; guessed unless given.
  ///   - label: The field that holds the label; guessed unless given.
  init(at url: URL, field: String? = nil, label: String? = nil) throws {
    let isFolder = FileManager.default.isFolder(atPath: url.path)
    let url = isFolder ? url.appending(path: "examples.jsonl") : url
    let file = try ExampleFile(reading: url)
    let form = ExampleText(field: field, labelField: label, path: file.path)
    ids = try file.examples.map { try form.id(of: $0) }
    texts = try file.examples.enumerated().map { try form.text(of: $1, index: $0) }
    labels = try file.examples.enumerated().map { try form.label(of: $1, index: $0) }
    losses = file.examples.map { form.loss(of: $0) }
    predictions = try file.examples.map { try form.prediction(of: $0) }
  }

  /// What a store keeps of the examples: what at least one of them has.
  var known: KnownExamples {
    func list(_ values: [String?]) -> [String?]? {
      values.contains { $0 != nil } ? values : nil
    }
    return KnownExamples(ids: list(ids), texts: texts, labels: list(labels))
  }

  /// A text cut to a table's width.
  static func shortened(_ text: String, to length: Int = 80) -> String {
    text.count > length ? text.prefix(length - 1) + "…" : text
  }
}
