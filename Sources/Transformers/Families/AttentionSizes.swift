/// The sizes of attention in a configuration, checked against each other.
struct AttentionSizes {
  let hidden: Int
  let heads: Int
  private let keys: ConfigurationKeys
  private let headsKey: String

  init(
    _ keys: ConfigurationKeys, hiddenKey: String = "hidden_size",
    headsKey: String = "num_attention_heads"
  ) throws {
    hidden = try keys.count(hiddenKey)
    heads = try keys.count(headsKey)
    (self.keys, self.headsKey) = (keys, headsKey)
  }

  /// The size of each head where the hidden numbers are shared out among them.
  func equalHeadSize() throws -> Int {
    guard hidden.isMultiple(of: heads) else {
      throw keys.invalid(
        headsKey, expected: "a divisor of the hidden size \(hidden)", found: "\(heads)")
    }
    return hidden / heads
  }

  /// The size of each head where the configuration may say it, even because rotary embeddings turn pairs.
  func rotaryHeadSize() throws -> Int {
    let size = try keys.has("head_dim") ? keys.count("head_dim") : equalHeadSize()
    guard size.isMultiple(of: 2) else {
      throw keys.invalid(
        keys.has("head_dim") ? "head_dim" : headsKey, expected: "heads of an even size",
        found: "\(size)")
    }
    return size
  }

  /// The heads of keys and values.
  func keyValueHeads() throws -> Int {
    let count = try keys.count("num_key_value_heads", default: heads)
    guard heads.isMultiple(of: count) else {
      throw keys.invalid(
        "num_key_value_heads", expected: "a divisor of the \(heads) heads", found: "\(count)")
    }
    return count
  }
}
