internal import Foundation
internal import InfluenceKit
internal import OrderedCollections

/// Texts with classes as a language model takes them, of which a share of the training labels is made wrong.
///
/// Seeds share no training and no validation example as long as the files have enough of them: the examples are
/// shuffled once, and each seed takes the next ones. Where they run out, they are shuffled anew.
struct LabelledTexts: ConfiguredSource {
  /// The data sets that are known by name, with their files below the folder of data sets.
  private enum DataSet: String, CaseIterable {
    case sst2, mrpc, qqp
    /// Files of one's own.
    case file

    /// Training file, file of held-out examples, fields.
    var files: (training: String, heldOut: String, fields: TextFields)? {
      switch self {
      case .sst2:
        (
          "glue/sst2_train4500.jsonl", "glue/sst2_dev872.jsonl",
          TextFields(text: "sentence", label: "label")
        )
      case .mrpc:
        (
          "glue/mrpc_train3668.jsonl", "glue/mrpc_dev408.jsonl",
          TextFields(text: "sentence1", pair: "sentence2", label: "label")
        )
      case .qqp:
        (
          "glue/qqp_train4500.jsonl", "glue/qqp_val500.jsonl",
          TextFields(text: "question1", pair: "question2", label: "label")
        )
      case .file: nil
      }
    }
  }

  static let settings = [
    Setting(
      "data.set", .choice(of: DataSet.self), standard: "sst2",
      help: "the texts; all but file need data.folder"),
    .dataFolder,
    Setting("data.training-file", .path, help: "file: the examples to train on"),
    Setting("data.held-out-file", .path, help: "file: the examples for validation and test"),
    Setting("data.text", .text, standard: "text", help: "file: the field of the text"),
    Setting("data.pair", .text, help: "file: the field of the second text"),
    Setting("data.label", .text, standard: "label", help: "file: the field of the class"),
    Setting.count("data.training", 600, help: "training texts of each seed"),
    Setting.count(
      "data.validation", 80, help: "clean texts that influence is asked of, of each seed"),
    Setting.count("data.test", 80, help: "clean texts for the accuracy, of each seed"),
    Setting(
      "data.flip", .number(.share), standard: 0.2,
      help: "the share of training labels that are made wrong"),
    Setting(
      "data.max-length", .integer(2...4096), standard: 128,
      help: "tokens after which a text is cut, special ones included"),
  ]

  private struct Options: Decodable {
    let training: Int
    let validation: Int
    let test: Int
    let flip: Double
    let maxLength: Int
  }

  /// The model for which texts are encoded.
  let checkpoint: Checkpoint
  private let name: String
  private let training: TextExamples
  private let heldOut: TextExamples
  private let options: Options
  private let tokenizer: Tokenizer

  /// Opens the texts and the model's tokenizer.
  ///
  /// - Throws: ``ExperimentError`` where there are fewer texts than asked for, or the model takes no classes; an error
  ///   from reading.
  init(_ settings: Settings) throws {
    let place = URL(filePath: settings.text("model.folder"))
    checkpoint = try Checkpoint(opening: place)
    guard checkpoint.isClassifier else {
      throw settings.invalid(
        "model.folder", "the model says the next token and not a class; give a BERT or RoBERTa")
    }
    tokenizer = try checkpoint.tokenizer()
    let options: Options = settings.values(below: "data")
    self.options = options
    name = settings.text("data.set")
    let files = try Self.files(settings)
    let names = checkpoint.trainedLabels
    training = try TextExamples(reading: files.training, fields: files.fields, labelNames: names)
    heldOut = try TextExamples(
      reading: files.heldOut, fields: files.fields, labelNames: training.labelNames)
    guard training.labelNames.count > 1 else {
      throw settings.invalid("data.set", "all texts are of one class; give texts of two at least")
    }
    try settings.require(options.training, of: training.path, with: training.count)
    try settings.require(
      options.validation + options.test, of: heldOut.path, with: heldOut.count,
      key: "data.validation")
    let longest = checkpoint.longestText
    guard options.maxLength <= longest else {
      throw settings.invalid("data.max-length", "the model takes \(longest) tokens at most")
    }
  }

  /// Refuses training texts without a single wrong label, or without a right one.
  ///
  /// - Throws: ``ExperimentError``.
  func requireWrongLabels(_ settings: Settings) throws {
    guard !(1..<options.training).contains(flippedCount) else { return }
    throw settings.invalid(
      "data.flip",
      "\(flippedCount) of \(options.training) labels would be wrong; give a share that makes some, and not all, of them wrong"
    )
  }

  private static func files(
    _ settings: Settings
  ) throws -> (training: URL, heldOut: URL, fields: TextFields) {
    if let files = DataSet(rawValue: settings.text("data.set"))?.files {
      let folder = try settings.dataFolder()
      return (
        folder.appending(path: files.training), folder.appending(path: files.heldOut),
        files.fields
      )
    }
    func path(_ key: String) throws -> URL {
      guard let path = settings.optionalText(key) else {
        throw settings.missing(
          key, neededBy: "data.set", allowed: "the path of a file", help: "the texts to read")
      }
      return URL(filePath: path)
    }
    return (
      try path("data.training-file"), try path("data.held-out-file"),
      TextFields(
        text: settings.text("data.text"), pair: settings.optionalText("data.pair"),
        label: settings.text("data.label"))
    )
  }

  var inputs: OrderedDictionary<String, String> {
    ["\(name), training": "\(training.fingerprint)", "\(name), held out": "\(heldOut.fingerprint)"]
  }

  /// How many classes there are.
  var classCount: Int { training.labelNames.count }
  private var flippedCount: Int { Int((options.flip * Double(options.training)).rounded()) }

  /// Test texts by training texts, in Nadeau and Bengio's correction for seeds that share texts.
  var testShare: Double { Double(options.test) / Double(options.training) }

  /// The same of validation texts.
  var validationShare: Double { Double(options.validation) / Double(options.training) }

  /// For how many seeds, from 0, no example is drawn twice.
  var distinctSeeds: Int {
    min(
      training.count / options.training,
      heldOut.count / (options.validation + options.test))
  }

  func parts(seed: UInt64) throws -> ExampleParts<[TokenSequence]> {
    let clean = Self.part(of: training, count: options.training, seed: seed)
    let (noisy, wrong) = try clean.flippingLabels(fraction: options.flip, seed: seed)
    let asked = Self.part(
      of: heldOut, count: options.validation + options.test, seed: seed)
    return ExampleParts(
      training: try encoded(noisy),
      validation: try encoded(asked.selecting(Array(0..<options.validation))),
      test: try encoded(asked.selecting(Array(options.validation..<asked.count))),
      trueLabels: clean.labels, wrongRows: Set(wrong))
  }

  /// The examples of a seed: those after the ones of the seed before.
  private static func part(of pool: TextExamples, count: Int, seed: UInt64) -> TextExamples {
    let (round, place) = seed.quotientAndRemainder(dividingBy: UInt64(pool.count / count))
    var generator = SeededGenerator(seed: round, stream: 0x7465_7874)
    let order = generator.permutation(pool.count)
    return pool.selecting(Array(order[Int(place) * count..<(Int(place) + 1) * count]))
  }

  private func encoded(_ texts: TextExamples) throws -> [TokenSequence] {
    try TextEncoding(
      of: texts, tokenizer: tokenizer, checkpoint: checkpoint, labelCount: classCount,
      settings: TextEncoding.Settings(maxLength: options.maxLength)
    ).sequences
  }
}
