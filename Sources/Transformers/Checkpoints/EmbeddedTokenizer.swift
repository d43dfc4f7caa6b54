import OrderedCollections
import TensorFiles

/// What a GGUF file says of its tokenizer, as plain values.
public struct EmbeddedTokenizer: Sendable, Hashable {
  /// The kind: `gpt2` for byte-level pairs, `llama` for SentencePiece, `bert` for WordPiece.
  public let model: String
  /// How text is cut before tokens are looked for, such as `smollm` or `llama-bpe`; nil where the file does not say.
  public let preTokenizer: String?
  /// The tokens in the order of their ids.
  public let tokens: [String]
  /// A score of each token, for SentencePiece; otherwise none.
  public let scores: [Float]
  /// The kind of each token: 1 normal, 2 unknown, 3 control, 4 defined by the user, 5 unused, 6 byte; none where the
  /// file does not say.
  public let types: [Int]
  /// The pairs that are merged, first ones first, each with a blank between its halves; for byte-level pairs.
  public let merges: [String]
  /// The token that texts begin with.
  public let beginning: Int?
  /// The token that texts end with.
  public let end: Int?
  /// The token for what no other stands for.
  public let unknown: Int?
  /// The token that fills up shorter texts of a batch.
  public let padding: Int?
  /// The token between two texts and after them, for WordPiece.
  public let separator: Int?
  /// The token that stands for a whole text, for WordPiece.
  public let classification: Int?
  /// The token that hides another.
  public let mask: Int?
  /// Whether the token of the beginning is added; nil where the file does not say.
  public let addsBeginning: Bool?
  /// Whether the token of the end is added; nil where the file does not say.
  public let addsEnd: Bool?
  /// Whether a blank is put before a text, for SentencePiece; nil where the file does not say.
  public let addsSpacePrefix: Bool?
}

extension EmbeddedTokenizer {
  /// The key of the tokens.
  static let tokensKey = "tokenizer.ggml.tokens"
  /// The key of the kind, without which there is no tokenizer.
  static let modelKey = "tokenizer.ggml.model"

  /// Reads the keys that begin with `tokenizer.ggml.`; nil where the file has no tokenizer.
  init?(_ file: GGUFFile) throws {
    let keys = TokenizerKeys(path: file.map.path, metadata: file.metadata)
    guard file.metadata[keys.name("model")] != nil else { return nil }
    model = try keys.text("model") ?? ""
    preTokenizer = try keys.text("pre")
    tokens = try keys.texts("tokens")
    guard !tokens.isEmpty else {
      throw TransformerError.missingKey(path: keys.path, key: Self.tokensKey)
    }
    scores = try keys.numbers("scores", count: tokens.count)
    types = try keys.integers("token_type", count: tokens.count)
    merges = try keys.texts("merges")
    beginning = try keys.id("bos_token_id", below: tokens.count)
    end = try keys.id("eos_token_id", below: tokens.count)
    unknown = try keys.id("unknown_token_id", below: tokens.count)
    padding = try keys.id("padding_token_id", below: tokens.count)
    // The older spelling lacks a letter, and most files have it.
    separator =
      try keys.id("seperator_token_id", below: tokens.count)
      ?? keys.id("separator_token_id", below: tokens.count)
    classification = try keys.id("cls_token_id", below: tokens.count)
    mask = try keys.id("mask_token_id", below: tokens.count)
    addsBeginning = try keys.flag("add_bos_token")
    addsEnd = try keys.flag("add_eos_token")
    addsSpacePrefix = try keys.flag("add_space_prefix")
  }
}

/// The metadata of a tokenizer, with kinds and counts checked.
private struct TokenizerKeys {
  let path: String
  let metadata: OrderedDictionary<String, GGUFValue>

  func name(_ key: String) -> String { "tokenizer.ggml.\(key)" }

  private func invalid(_ key: String, expected: String, found: String) -> TransformerError {
    .invalidKey(path: path, key: name(key), expected: expected, found: found)
  }

  private func read<Value>(
    _ key: String, as expected: String, _ value: (GGUFValue) -> Value?
  ) throws -> Value? {
    guard let found = metadata[name(key)] else { return nil }
    guard let value = value(found) else {
      throw invalid(key, expected: expected, found: found.kind)
    }
    return value
  }

  func text(_ key: String) throws -> String? {
    try read(key, as: "a string") { if case .string(let text) = $0 { text } else { nil } }
  }

  func flag(_ key: String) throws -> Bool? {
    try read(key, as: "a truth value") { if case .boolean(let flag) = $0 { flag } else { nil } }
  }

  func texts(_ key: String) throws -> [String] {
    try read(key, as: "an array of strings") {
      if case .strings(let texts) = $0 { texts } else { nil }
    } ?? []
  }

  func integers(_ key: String, count: Int) throws -> [Int] {
    let values = try read(key, as: "an array of integers") {
      if case .integers(let values) = $0 { values } else { nil }
    }
    return try counted(values, key, count)
  }

  func numbers(_ key: String, count: Int) throws -> [Float] {
    let values = try read(key, as: "an array of numbers") {
      if case .numbers(let values) = $0 { values.map { Float($0) } } else { nil }
    }
    return try counted(values, key, count)
  }

  private func counted<Value>(_ values: [Value]?, _ key: String, _ count: Int) throws -> [Value] {
    guard let values else { return [] }
    guard values.count == count else {
      throw invalid(key, expected: "one for each of \(count) tokens", found: "\(values.count)")
    }
    return values
  }

  func id(_ key: String, below count: Int) throws -> Int? {
    let id = try read(key, as: "an integer") {
      if case .integer(let id) = $0 { id } else { nil }
    }
    guard let id else { return nil }
    guard (0..<count).contains(id) else {
      throw invalid(key, expected: "an id below \(count)", found: "\(id)")
    }
    return id
  }
}
