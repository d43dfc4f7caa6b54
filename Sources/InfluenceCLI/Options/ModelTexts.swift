import Foundation
import InfluenceKit

/// A language model with its adapter, and the texts that a command gives it.
struct ModelTexts {
  let examples: TextExamples
  let tokenizer: Tokenizer
  let texts: TextEncoding
  let model: LanguageModel
  let memory: PassMemory
  /// What the model said after each prompt; nil where the file has the texts.
  private let answers: [String]?

  /// Opens the model, its adapter and the texts.
  ///
  /// - Parameters:
  ///   - path: A folder of Hugging Face, or a .gguf file.
  ///   - adapterPath: The adapter's folder.
  ///   - data: The file of the texts.
  ///   - options: Which of its fields they are, and how they are encoded.
  ///   - blocks: Patterns of the names of the blocks that gradients are taken of; all unless given.
  ///   - companions: What is to be written beside gradients.
  ///   - memory: The most bytes to work in; a quarter of the machine unless given.
  ///   - answerLength: The most tokens of the model's own answers, which are the texts then; nil where the file has them.
  ///   - progress: Called as answers are made.
  init(
    model path: String, adapter adapterPath: String, data: String, _ options: TextDataOptions,
    blocks: [String] = [], companions: StoreCompanions = StoreCompanions(),
    memory budget: ByteCount?,
    answerLength: Int? = nil, progress: ProgressHandler? = nil
  ) throws {
    let checkpoint = try Checkpoint(opening: URL(filePath: path))
    try options.check(checkpoint)
    let adapter = try Adapter(opening: URL(filePath: adapterPath), for: checkpoint)
      .takingGradients(ofBlocks: blocks, source: adapterPath)
    let labelCount = try LanguageModel(checkpoint, adapter: adapter, keepsWeights: false)
      .labelCount
    let names =
      try checkpoint.trainedLabels ?? Self.recordedLabels(of: adapterPath, count: labelCount)
    examples = try TextExamples(
      reading: URL(filePath: data), fields: options.fields(answers: answerLength != nil),
      labelNames: names)
    if let labelCount, names == nil, examples.labelNames.contains(where: { Int($0) == nil }) {
      throw Failure.data(
        "\(data): \(options.label ?? "") holds names, and \(adapterPath) does not say which of its \(labelCount) classes each is; give the classes as numbers from 0"
      )
    }
    tokenizer = try checkpoint.tokenizer()
    let encoded =
      if let answerLength {
        try Self.room(examples.texts, tokenizer, answerLength, longest: checkpoint.longestText)
      } else {
        try TextEncoding(
          of: examples, tokenizer: tokenizer, checkpoint: checkpoint, labelCount: labelCount,
          settings: options.encoding)
      }
    memory = try PassMemory(
      checkpoint, adapter: adapter, texts: encoded.sequences, companions: companions,
      budget: budget?.bytes ?? MachineMemory.bytes / 4, threads: Parallelism.threads)
    model = try LanguageModel(checkpoint, adapter: adapter, keepsWeights: memory.keepsWeights)
    guard let answerLength else {
      (texts, answers) = (encoded, nil)
      try model.check(encoded.sequences)
      return
    }
    let (tokenizer, what) = (tokenizer, "answers to \(Counted(examples.count, "prompt"))")
    let sequences = try model.answers(
      to: examples.texts.map { try tokenizer.encode($0).ids }, count: answerLength
    ) { progress?(what, $0) }
    texts = TextEncoding(sequences)
    answers = try sequences.map { try tokenizer.decode($0.tokens.suffix($0.predictedCount)) }
  }

  /// Prompts with as many tokens behind them as answers may have, which says how much memory they will need.
  private static func room(
    _ prompts: [String], _ tokenizer: Tokenizer, _ answerLength: Int, longest: Int
  ) throws -> TextEncoding {
    TextEncoding(
      try prompts.map { prompt in
        let tokens = try tokenizer.encode(prompt).ids
        let count = max(0, min(answerLength, longest - tokens.count))
        return TokenSequence(
          tokens: tokens + repeatElement(0, count: count), goal: .tokens(from: tokens.count))
      })
  }

  /// What is shown of each example beside scores: prompt and text as one, or the two texts of a pair.
  var shown: [String] {
    if let answers { return zip(examples.texts, answers).map { $0 + $1 } }
    return examples.texts.indices.map { place in
      (examples.prompts?[place] ?? "") + examples.texts[place]
        + (examples.pairs.map { " ⏎ \($0[place])" } ?? "")
    }
  }

  /// The name of each example's class; nil where there are none.
  var labels: [String]? {
    examples.labels.map { labels in labels.map { examples.labelNames[$0] } }
  }

  /// What a store of gradients remembers of where it came from.
  func provenance(
    measure: AnswerMeasure, reduction: TokenReduction
  ) throws -> [String: String] {
    let checkpoint = model.checkpoint
    return [
      "kind": "language model", "model": checkpoint.url.standardizedFileURL.lastPathComponent,
      "weights": "\(try Self.hash(checkpoint))",
      "family": checkpoint.configuration.family,
      "adapter": "\(Self.hash(model.adapter))",
      "texts": "\(examples.fingerprint)", "measure": measure.rawValue,
      "reduction": reduction.rawValue,
      "tokens": "\(Self.hash(texts.sequences))",
    ]
  }

  private static func hash(_ adapter: Adapter) -> ContentHash {
    var hash = ContentHash()
    for module in adapter.modules {
      for byte in module.name.utf8 { hash.update(byte) }
      hash.update([module.scale])
    }
    for parameter in adapter.parameters { hash.update(parameter.elements.map { Double($0) }) }
    return hash
  }

  /// Of the names and shapes of all tensors, and of the first row of each.
  private static func hash(_ checkpoint: Checkpoint) throws -> ContentHash {
    var hash = ContentHash()
    for name in checkpoint.tensorNames {
      for byte in name.utf8 { hash.update(byte) }
      let shape = try checkpoint.shape(of: name)
      hash.update(shape)
      guard !checkpoint.unusedTensors.contains(name), shape.allSatisfy({ $0 > 0 }) else { continue }
      hash.update(try checkpoint.rows(of: name, 0..<1).elements.map { Double($0) })
    }
    return hash
  }

  private static func hash(_ texts: [TokenSequence]) -> ContentHash {
    var hash = ContentHash()
    for text in texts { hash.update([text.tokens.count, text.predictedCount] + text.tokens) }
    return hash
  }

  /// The names of the classes that `influence finetune` wrote beside an adapter; nil for adapters of other programs.
  private static func recordedLabels(of path: String, count: Int?) throws -> [String]? {
    let url = URL(filePath: path).appending(path: "training.json")
    guard count != nil, FileManager.default.fileExists(atPath: url.path),
      let labels = try OrderedJSON(contentsOf: url)["labels"]?.array, labels.count == count
    else { return nil }
    return labels.compactMap(\.string)
  }
}
