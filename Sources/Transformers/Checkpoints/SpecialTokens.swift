import TensorFiles

/// The ids of tokens that a model gives a meaning of their own.
public struct SpecialTokens: Sendable, Hashable {
  /// The token that texts begin with.
  public let beginning: Int?
  /// The tokens that end a text; some models have several.
  public let ends: [Int]
  /// The token that fills up shorter texts of a batch.
  public let padding: Int?

  /// Reads `bos_token_id`, `eos_token_id` (one or several) and `pad_token_id`; null and −1 mean none.
  init(_ keys: ConfigurationKeys, vocabularySize: Int) throws {
    func identifiers(_ key: String) throws -> [Int] {
      guard let json = keys.value(key) else { return [] }
      return try (json.array ?? [json]).compactMap { element in
        guard let id = element.integer, (-1..<vocabularySize).contains(id) else {
          throw keys.invalid(
            key, expected: "ids below the vocabulary's size \(vocabularySize)", found: json)
        }
        return id >= 0 ? id : nil
      }
    }
    beginning = try identifiers("bos_token_id").first
    ends = try identifiers("eos_token_id")
    padding = try identifiers("pad_token_id").first
  }
}
