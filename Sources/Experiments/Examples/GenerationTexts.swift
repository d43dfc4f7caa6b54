internal import Foundation
internal import InfluenceKit
internal import OrderedCollections

/// Sets of prompts and answers of several kinds, as a language model takes them: some training examples and some queries of
/// each kind.
///
/// Seeds share no example of a published set as long as its files have enough; where they run out, examples are shuffled
/// anew. Sets of our own are made anew for each seed.
struct GenerationTexts: Sendable {
  /// Which tokens a loss is of.
  enum Loss: String, CaseIterable, Codable, Sendable {
    /// Those of prompt and answer.
    case all
    /// Those of the answer, and the text's end.
    case answer
    /// Those of the prompt, as in the published notebooks.
    case prompt
  }

  /// Examples with their kinds.
  struct Part: Sendable {
    /// Prompts, answers and kinds.
    let examples: TextExamples
    private let encoded: [TokenSequence]

    fileprivate init(_ examples: TextExamples, encoded: [TokenSequence]) {
      (self.examples, self.encoded) = (examples, encoded)
    }

    /// The kind of each example.
    var kinds: [Int] { examples.labels ?? [] }

    /// What the model takes; its loss is of these tokens.
    func sequences(_ loss: Loss) -> [TokenSequence] {
      encoded.map { text in
        guard case .tokens(let first) = text.goal, loss != .answer else { return text }
        return TokenSequence(
          tokens: loss == .all ? text.tokens : Array(text.tokens.prefix(first)),
          goal: .tokens(from: 1))
      }
    }

    /// The words whose tokens a loss is of.
    func words(_ loss: Loss) -> [String] {
      zip(examples.prompts ?? [], examples.texts).map { prompt, answer in
        switch loss {
        case .all: prompt + answer
        case .answer: answer
        case .prompt: prompt
        }
      }
    }
  }

  /// The names of all sets.
  static let sets =
    PublishedTasks.allCases.map(\.rawValue) + GeneratedTasks.allCases.map(\.rawValue)

  static let settings = [
    Setting(
      "data.sets", .choices(sets), standard: .array(sets.map { .string($0) }),
      help: "the sets; those without own- need data.folder"),
    .dataFolder,
    Setting(
      "data.training", .integer(1...GeneratedTasks.mostOfAKind), standard: 10,
      help: "training examples of each kind, of each seed"),
    Setting(
      "data.queries", .integer(1...GeneratedTasks.mostOfAKind), standard: 2,
      help: "examples of each kind that influence is asked of, of each seed"),
    Setting(
      "data.max-length", .integer(2...4096), standard: 128,
      help: "tokens after which a text is cut, special ones included"),
  ]

  private struct Options: Decodable {
    let sets: [String]
    let training: Int
    let queries: Int
    let maxLength: Int
  }

  /// The model for which texts are encoded.
  let checkpoint: Checkpoint
  private let published: OrderedDictionary<String, (training: TextExamples, queries: TextExamples)>
  private let options: Options
  private let tokenizer: Tokenizer

  /// Opens the sets and the model's tokenizer.
  ///
  /// - Throws: ``ExperimentError`` where there are fewer examples than asked for, or the model takes classes; an error from
  ///   reading.
  init(_ settings: Settings) throws {
    checkpoint = try Checkpoint(opening: URL(filePath: settings.text("model.folder")))
    guard !checkpoint.isClassifier else {
      throw settings.invalid(
        "model.folder",
        "the model says a class and not the next token; give a Llama, Qwen2 or GPT-2")
    }
    tokenizer = try checkpoint.tokenizer()
    let options: Options = settings.values(below: "data")
    self.options = options
    var published: OrderedDictionary<String, (training: TextExamples, queries: TextExamples)> = [:]
    for name in options.sets {
      guard let tasks = PublishedTasks(rawValue: name) else { continue }
      let set = try tasks.examples(settings, key: "data.sets")
      for (part, count, key) in [
        (set.training, options.training, "data.training"),
        (set.queries, options.queries, "data.queries"),
      ] {
        try settings.require(
          count, of: part.path, with: Self.smallestKind(of: part), "examples of a kind", key: key)
      }
      published[name] = set
    }
    self.published = published
    let longest = checkpoint.longestText
    guard options.maxLength <= longest else {
      throw settings.invalid("data.max-length", "the model takes \(longest) tokens at most")
    }
  }

  /// The sets that are asked for.
  var sets: [String] { options.sets }

  /// The files that are read, with fingerprints of their contents.
  var inputs: OrderedDictionary<String, String> {
    OrderedDictionary(
      uniqueKeysWithValues: published.flatMap { name, set in
        [
          ("\(name), training", "\(set.training.fingerprint)"),
          ("\(name), queries", "\(set.queries.fingerprint)"),
        ]
      })
  }

  /// Queries by training examples.
  var queryShare: Double { Double(options.queries) / Double(options.training) }

  /// For how many seeds, from 0, no example is drawn twice; nil where all sets are made anew.
  var distinctSeeds: Int? {
    published.values.flatMap { set in
      [
        Self.smallestKind(of: set.training) / options.training,
        Self.smallestKind(of: set.queries) / options.queries,
      ]
    }.min()
  }

  /// The examples of a seed, in random order.
  ///
  /// - Throws: `TextEncodingError`, which names the row.
  func parts(of set: String, seed: UInt64) throws -> (training: Part, queries: Part) {
    if let own = GeneratedTasks(rawValue: set) {
      let examples = own.examples(training: options.training, queries: options.queries, seed: seed)
      return (
        try part(examples.training, count: options.training, seed: seed),
        try part(examples.queries, count: options.queries, seed: seed)
      )
    }
    guard let files = published[set] else { preconditionFailure("\(set) was not opened") }
    return (
      try part(files.training, count: options.training, seed: seed),
      try part(files.queries, count: options.queries, seed: seed)
    )
  }

  /// So many examples of each kind: those after the ones of the seed before.
  private func part(_ pool: TextExamples, count: Int, seed: UInt64) throws -> Part {
    let labels = pool.labels ?? []
    let turns = UInt64(Self.smallestKind(of: pool) / count)
    let (round, place) = seed.quotientAndRemainder(dividingBy: turns)
    var generator = SeededGenerator(seed: round, stream: 0x6b69_6e64)
    let order = generator.permutation(pool.count)
    var chosen = pool.labelNames.indices.flatMap { kind in
      order.filter { labels[$0] == kind }[Int(place) * count..<(Int(place) + 1) * count]
    }
    // Not kind by kind: where scores are equal, the earlier row comes first.
    generator = SeededGenerator(seed: seed, stream: 0x6f72_6465)
    chosen = generator.permutation(chosen.count).map { chosen[$0] }
    let examples = pool.selecting(chosen)
    return Part(
      examples,
      encoded: try TextEncoding(
        of: examples.unlabelled, tokenizer: tokenizer, checkpoint: checkpoint, labelCount: nil,
        settings: TextEncoding.Settings(maxLength: options.maxLength, lossOn: .answer)
      ).sequences)
  }

  private static func smallestKind(of examples: TextExamples) -> Int {
    let labels = examples.labels ?? []
    return examples.labelNames.indices.map { kind in labels.count { $0 == kind } }.min() ?? 0
  }
}
