import TensorFiles

/// How GGUF files hold a family: the names of its keys and tensors, and which tensors are stored otherwise.
package struct GGUFLayout: Sendable {
  /// The value of `general.architecture`, which the family's keys begin with.
  let architecture: String
  /// For each key of `config.json` the key of the file, without the architecture and a dot.
  let keys: [String: String]
  /// Keys of `config.json` that the architecture fixes.
  let constants: [String: OrderedJSON]
  /// The kinds of tokenizer that files of the family may have; empty where any will do.
  var tokenizers: [String] = []
  /// The tensors outside of layers: names without `.weight` and `.bias`.
  let names: [String: String]
  /// What the names of a layer's tensors begin with, before the layer's number.
  let layerPrefix: String
  /// The tensors of `blk.N`, likewise.
  let layerNames: [String: String]
  /// The layers' queries and keys whose rows are stored with the two halves of each head interleaved.
  var interleaved: Set<String> = []
  /// The layers' weights that are stored as the transposes of what Hugging Face has.
  var transposed: Set<String> = []

  /// The keys that most architectures share.
  static let commonKeys = [
    "hidden_size": "embedding_length", "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count", "intermediate_size": "feed_forward_length",
    "max_position_embeddings": "context_length", "vocab_size": "vocab_size",
    "is_causal": "attention.causal",
  ]

  /// Where a tensor of the file belongs.
  struct Place: Equatable {
    /// Hugging Face's name.
    let name: String
    /// The name inside the layer, without `.weight` and `.bias`; nil outside of layers.
    let layerName: String?
    /// Whether it is a weight, not a bias.
    let isWeight: Bool
  }

  /// Finds Hugging Face's name of a tensor; nil for tensors that the family does not have.
  func place(of stored: String) -> Place? {
    var parts = stored.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard let suffix = parts.popLast(), ["weight", "bias"].contains(suffix) else { return nil }
    let isWeight = suffix == "weight"
    if parts.count == 1 {
      return names[parts[0]].map {
        Place(name: "\($0).\(suffix)", layerName: nil, isWeight: isWeight)
      }
    }
    guard parts.count == 3, parts[0] == "blk", let layer = Int(parts[1]), "\(layer)" == parts[1],
      layer >= 0, let name = layerNames[parts[2]]
    else { return nil }
    return Place(
      name: "\(layerPrefix)\(layer).\(name).\(suffix)", layerName: parts[2], isWeight: isWeight)
  }
}
