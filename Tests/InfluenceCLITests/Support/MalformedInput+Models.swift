import InfluenceKit
import TestSupport

extension MalformedInput {
  /// A wrong value of a key in `config.json`; nil takes the key away.
  private static func key(
    _ name: String, _ value: OrderedJSON?, of line: Line = .classes, says pieces: [String]
  ) -> MalformedInput {
    let file = "\(line == .classes ? "bert" : "llama")/config.json"
    return MalformedInput(
      "config.json: \(name)", line, says: [file, "\"\(name)\""] + pieces
    ) { try $0.set(name, to: value, in: file) }
  }

  private static let query = "bert.encoder.layer.1.attention.self.query.weight"
  private static let weights = "bert/model.safetensors"

  /// What is wrong with folders of Hugging Face.
  static let checkpoints: [MalformedInput] = [
    .init("no config.json", .classes, says: ["bert", "config.json", "give a folder"]) {
      try $0.remove("bert/config.json")
    },
    .init("config.json is cut", .classes, says: ["bert/config.json", "byte", "JSON"]) {
      try $0.cut("bert/config.json", keeping: 0.5)
    },
    key("model_type", "t5", says: ["t5", "supported", "choose another model"]),
    key("hidden_act", "mish", says: ["mish", "gelu", "choose another model"]),
    key("hidden_size", nil, says: ["missing", "add it"]),
    key("num_attention_heads", 3, says: ["a divisor", "3", "correct it"]),
    key("vocab_size", 1_000_000_000_000, says: ["correct it"]),
    key("num_key_value_heads", 3, of: .answers, says: ["a divisor", "3", "correct it"]),
    key("sliding_window", 4, of: .answers, says: ["4", "choose another model"]),
    .init(
      "config.json: another kind of rotation", .answers,
      says: ["llama/config.json", "rope_scaling.rope_type", "yarn", "choose another model"]
    ) {
      try $0.set(
        "rope_scaling", to: ["rope_type": "yarn", "factor": 2.0], in: "llama/config.json")
    },
    .init("no weights", .classes, says: ["bert", "model.safetensors", "give a folder"]) {
      try $0.remove(weights)
    },
    .init("a tensor is missing", .classes, says: [weights, query, "missing", "get both again"]) {
      try $0.changeTensors(in: weights) { $0[query] = nil }
    },
    .init("a tensor is turned", .classes, says: [weights, query, "[8, 32]", "[16, 16]", "get"]) {
      try $0.changeTensors(in: weights) { $0[query]?.shape = [8, 32] }
    },
    .init("weights are cut", .classes, says: [weights, "cut short"]) {
      try $0.cut(weights, keeping: 0.9)
    },
    .init("weights are no safetensors", .classes, says: [weights]) {
      try $0.write("not weights at all", to: weights)
    },
    .init("weights are integers", .classes, says: [weights, "I32", "F32", "choose a file"]) {
      try $0.replace("\"F32\"", by: "\"I32\"", in: weights)
    },
    .init(
      "a weight is no number", .classes,
      says: ["the loss is nan", "before anything was learnt", "weights"]
    ) {
      try $0.changeTensors(in: weights) { $0[query]?.values[3] = .nan }
    },
    .init("a shard is missing", .classes, status: 66, says: ["bert/part-2.safetensors", "no such"])
    {
      try $0.remove(weights)
      try $0.write(
        "{\"weight_map\": {\"\(query)\": \"part-2.safetensors\"}}",
        to: "bert/model.safetensors.index.json")
    },
  ]

  /// The last tensor of the GGUF file, as errors name it.
  private static let last = "model.layers.0.mlp.down_proj.weight"

  /// What is wrong with `.gguf` files.
  static let ggufFiles: [MalformedInput] = [
    .init("a GGUF file of text", .file, says: ["llama.gguf", "give a folder"]) {
      try $0.write("not a model at all", to: "llama.gguf")
    },
    .init("a GGUF file that is cut", .file, says: ["llama.gguf", "cut short"]) {
      try $0.cut("llama.gguf", keeping: 0.8)
    },
    .init("a GGUF file of version 1", .file, says: ["llama.gguf", "version", "1"]) {
      try $0.writeGGUF { $0.version = 1 }
    },
    .init("a GGUF file of too many tensors", .file, says: ["llama.gguf"]) {
      try $0.writeGGUF { $0.tensorCount = .max }
    },
    .init("a GGUF file of Mamba", .file, says: ["general.architecture", "mamba", "choose another"])
    {
      try $0.writeGGUF { $0.set("general.architecture", .string("mamba")) }
    },
    .init(
      "a GGUF file of another quantization", .file, says: [last, "Q5_0", "Q8_0", "choose a file"]
    ) {
      try $0.writeGGUF { builder in
        builder.tensors.removeLast()
        builder.add(
          "blk.0.ffn_down.weight", [16, 32], type: 6, bytes: Array(repeating: 0, count: 16 * 22))
      }
    },
    .init("a GGUF file without a tensor", .file, says: [last, "missing", "get both again"]) {
      try $0.writeGGUF { $0.tensors.removeLast() }
    },
    .init(
      "a GGUF file with a turned tensor", .file, says: [last, "[32, 16]", "[16, 32]", "get"]
    ) {
      try $0.writeGGUF { $0.tensors[$0.tensors.count - 1].dimensions.reverse() }
    },
    .init("a GGUF file without sizes", .file, says: ["llama.embedding_length", "add it"]) {
      try $0.writeGGUF { $0.metadata.removeAll { $0.key == "llama.embedding_length" } }
    },
    .init("a GGUF file without a tokenizer", .file, says: ["tokenizer.ggml.model", "add it"]) {
      try $0.writeGGUF { $0.metadata.removeAll { $0.key == "tokenizer.ggml.model" } }
    },
    .init("a GGUF file with unknown words", .file, says: ["llama.gguf", "tekken", "give"]) {
      try $0.writeGGUF { $0.set("tokenizer.ggml.pre", .string("tekken")) }
    },
  ]
}
