import Foundation
import InfluenceKit
import OrderedCollections

/// Readers of language models.
extension Reader {
  /// A GGUF file by itself, and as a checkpoint.
  static let gguf = Reader(
    seeds: { _ in
      [
        GGUFSeed.file(architecture: "llama", layers: 1, type: 0),
        GGUFSeed.file(architecture: "qwen2", layers: 1, type: 8),
        GGUFSeed.file(architecture: "llama", layers: 0, type: 3), Array("GGUF".utf8),
      ]
    },
    read: { input, folder in
      let url = folder.appending(path: "model.gguf")
      try Data(input).write(to: url)
      let file = try GGUFFile(opening: url)
      for tensor in file.tensors.values {
        _ = try? file.matrix(tensor.name, rows: 0..<(tensor.shape.first ?? 1))
      }
      try use(Checkpoint(opening: url))
    })

  /// A `config.json` beside weights that are right for the first seed.
  static let model = Reader(
    prepare: writeWeights,
    seeds: { _ in
      [
        llama,
        #"{"model_type": "bert", \#(sizes)"type_vocab_size": 2, "layer_norm_eps": 1e-12,"#
          + #""hidden_act": "gelu", "id2label": {"0": "a", "1": "b"}, "num_labels": 2}"#,
        #"{"model_type": "gpt2", "n_embd": 2, "n_layer": 1, "n_head": 1, "n_positions": 8,"#
          + #""vocab_size": 4, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new"}"#,
      ].map { Array($0.utf8) }
    },
    read: { input, folder in
      try Data(input).write(to: folder.appending(path: "config.json"))
      try use(Checkpoint(opening: folder))
    })

  /// An adapter's folder beside a model: two files as one input.
  static let adapter = Reader(
    prepare: { folder in
      try writeWeights(to: folder)
      try Data(llama.utf8).write(to: folder.appending(path: "config.json"))
    },
    seeds: { folder in
      let checkpoint = try Checkpoint(opening: folder)
      let seed = folder.appending(path: "seed")
      return try [
        LoRAConfiguration(rank: 1, targets: .names(["q_proj", "v_proj"]), task: .languageModel),
        LoRAConfiguration(
          rank: 2, targets: .pattern(#".*\.(?:[kv]|up)_proj|x{1,3}\b"#),
          exclusions: .names(["up_proj"]), usesRankStabilizedScale: true,
          rankPattern: ["k_proj": 1], alphaPattern: ["^model.*v_proj": 3.5]),
        LoRAConfiguration(
          rank: 1, targets: .names(["down_proj"]), layers: [0], layerNames: ["layers"]),
      ].map { configuration in
        try Adapter(for: checkpoint, configuration: configuration, seed: 1).write(to: seed)
        return try Bundle(of: seed).input
      }
    },
    read: { input, folder in
      let names = ["adapter_config.json", "adapter_model.safetensors"]
      let url = folder.appending(path: "adapter")
      try Bundle(input, names: Set(names)).write(to: url)
      let checkpoint = try Checkpoint(opening: folder)
      let adapter = try Adapter(opening: url, for: checkpoint)
      guard adapter.parameters.allSatisfy({ $0.elements.allSatisfy(\.isFinite) }) else {
        fatalError("numbers that are not finite")
      }
      try adapter.write(to: folder.appending(path: "again"))
      let again = try Adapter(opening: folder.appending(path: "again"), for: checkpoint)
      guard again.modules == adapter.modules, again.parameters == adapter.parameters else {
        fatalError("not the same when written and read again")
      }
    })

  private static let sizes =
    #""hidden_size": 2, "num_hidden_layers": 1, "num_attention_heads": 1,"#
    + #""intermediate_size": 3, "vocab_size": 4, "max_position_embeddings": 8, "#

  private static let llama =
    #"{"model_type": "llama", "architectures": ["LlamaForCausalLM"], \#(sizes)"#
    + #""rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": true, "eos_token_id": [2],"#
    + #""rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,"#
    + #""high_freq_factor": 4, "original_max_position_embeddings": 8}}"#

  /// Weights that go with ``llama``.
  private static func writeWeights(to folder: URL) throws {
    let shapes: OrderedDictionary<String, [Int]> = [
      "model.embed_tokens.weight": [4, 2], "model.norm.weight": [2],
      "model.layers.0.input_layernorm.weight": [2],
      "model.layers.0.self_attn.q_proj.weight": [2, 2],
      "model.layers.0.self_attn.k_proj.weight": [2, 2],
      "model.layers.0.self_attn.v_proj.weight": [2, 2],
      "model.layers.0.self_attn.o_proj.weight": [2, 2],
      "model.layers.0.post_attention_layernorm.weight": [2],
      "model.layers.0.mlp.gate_proj.weight": [3, 2], "model.layers.0.mlp.up_proj.weight": [3, 2],
      "model.layers.0.mlp.down_proj.weight": [2, 3],
    ]
    var writer = try SafetensorsWriter(
      at: folder.appending(path: "model.safetensors"),
      tensors: shapes.map { .init(name: $0, elementType: .float16, shape: $1) })
    for shape in shapes.values {
      try writer.append([Float](repeating: 1, count: shape.reduce(1, *)).span)
    }
    try writer.commit()
  }

  private static func use(_ checkpoint: Checkpoint) throws {
    for name in checkpoint.tensorNames {
      let matrix = try? checkpoint.matrix(name)
      let rows = try checkpoint.shape(of: name).first ?? 1
      guard matrix?.rows ?? rows == rows else { fatalError("\(name) has other rows") }
    }
    guard checkpoint.embeddedTokenizer != nil else { return }
    let tokenizer = try checkpoint.tokenizer()
    _ = try tokenizer.decode(tokenizer.encode("ab 12\n é", pair: "b").ids)
  }
}

/// Small models as GGUF files.
private enum GGUFSeed {
  /// A model of 32 hidden numbers and one head.
  ///
  /// - Parameter type: That of its matrices: 0 F32, 3 Q4_1, 8 Q8_0.
  static func file(architecture: String, layers: Int, type: UInt32) -> [UInt8] {
    let entries: [(String, [UInt8])] = [
      ("general.architecture", integer(UInt32(8)) + text(architecture)),
      ("\(architecture).block_count", count(max(layers, 1))),
      ("\(architecture).context_length", count(8)),
      ("\(architecture).embedding_length", count(32)),
      ("\(architecture).feed_forward_length", count(32)),
      ("\(architecture).attention.head_count", count(1)),
      (
        "\(architecture).attention.layer_norm_rms_epsilon",
        integer(UInt32(6)) + integer(Float(1e-5).bitPattern)
      ),
      ("tokenizer.ggml.model", integer(UInt32(8)) + text("gpt2")),
      (
        "tokenizer.ggml.tokens",
        integer(UInt32(9)) + integer(UInt32(8)) + integer(UInt64(2)) + text("a") + text("b")
      ),
    ]
    var tensors = [("token_embd.weight", [32, 2], type), ("output_norm.weight", [32], 0)]
    for layer in 0..<layers {
      for name in ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"] {
        tensors.append(("blk.\(layer).\(name).weight", [32, 32], type))
      }
      for name in ["attn_norm", "ffn_norm"] {
        tensors.append(("blk.\(layer).\(name).weight", [32], 0))
      }
      for name in ["attn_q", "attn_k", "attn_v"] where architecture == "qwen2" {
        tensors.append(("blk.\(layer).\(name).bias", [32], 0))
      }
    }
    var head = Array("GGUF".utf8) + integer(UInt32(3))
    head += integer(UInt64(tensors.count)) + integer(UInt64(entries.count))
    for (key, value) in entries { head += text(key) + value }
    var data: [UInt8] = []
    for (name, dimensions, type) in tensors {
      head += text(name) + integer(UInt32(dimensions.count))
      for dimension in dimensions { head += integer(UInt64(dimension)) }
      head += integer(type) + integer(UInt64(data.count))
      let blocks = dimensions.reduce(1, *) / 32
      let size = [0: 128, 3: 20, 8: 34][type] ?? 0
      data += [UInt8](repeating: 1, count: blocks * size)
      data += [UInt8](repeating: 0, count: (32 - data.count % 32) % 32)
    }
    return head + [UInt8](repeating: 0, count: (32 - head.count % 32) % 32) + data
  }

  private static func integer<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }

  private static func count(_ count: Int) -> [UInt8] {
    integer(UInt32(4)) + integer(UInt32(count))
  }

  private static func text(_ text: String) -> [UInt8] {
    integer(UInt64(text.utf8.count)) + Array(text.utf8)
  }
}
