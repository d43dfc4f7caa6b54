import LinearAlgebra
import OrderedCollections
import TensorFiles

extension ConfigurationKeys {
  /// The keys of a GGUF file's metadata under the names of `config.json`.
  ///
  /// What files of this kind do not say is taken from their tensors: the vocabulary's size, whether the head is tied, and
  /// which maps have biases.
  init(_ file: GGUFFile, layout: GGUFLayout) throws {
    var values: OrderedDictionary<String, OrderedJSON> = [:]
    var spellings = [
      "bos_token_id": "tokenizer.ggml.bos_token_id", "eos_token_id": "tokenizer.ggml.eos_token_id",
      "pad_token_id": "tokenizer.ggml.padding_token_id",
    ]
    for (key, name) in layout.keys { spellings[key] = "\(layout.architecture).\(name)" }
    for (key, name) in spellings { values[key] = file.metadata[name]?.json }
    values.merge(layout.constants) { found, _ in found }
    func rows(_ tensor: String) -> OrderedJSON? {
      file.tensors[tensor]?.shape.first.map { .integer($0) }
    }
    func hasTensor(_ name: String) -> OrderedJSON { .boolean(file.tensors[name] != nil) }
    values["vocab_size"] = values["vocab_size"] ?? rows("token_embd.weight")
    values["type_vocab_size"] = rows("token_types.weight")
    values["tie_word_embeddings"] = .boolean(file.tensors["output.weight"] == nil)
    values["attention_bias"] = hasTensor("blk.0.attn_q.bias")
    values["mlp_bias"] = hasTensor("blk.0.ffn_up.bias")
    let scaling = "\(layout.architecture).rope.scaling"
    if let type = file.metadata["\(scaling).type"]?.json {
      let factor = file.metadata["\(scaling).factor"]?.json ?? .null
      values["rope_scaling"] = ["type": type, "factor": factor]
      spellings["rope_scaling"] = scaling
    }
    self.init(
      path: file.map.path, values: values, spellings: spellings,
      rotaryDivisors: try Self.divisors(file))
  }

  private static func divisors(_ file: GGUFFile) throws -> [Float]? {
    guard let tensor = file.tensors[rotaryDivisorsKey] else { return nil }
    guard tensor.shape.count == 1, tensor.shape[0] <= 1 << 16 else {
      throw TransformerError.invalidKey(
        path: file.map.path, key: rotaryDivisorsKey, expected: "a vector of at most 65536 numbers",
        found: "a tensor of shape \(tensor.shape)")
    }
    return try file.matrix(tensor.name, rows: 0..<tensor.shape[0]).elements
  }
}
