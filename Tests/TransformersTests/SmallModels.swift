import Foundation
import LinearAlgebra
import OrderedCollections
import TensorFiles
import TestSupport
import Testing

import Transformers

/// Where the small models are that `scripts/oracles/checkpoints.py` made.
func fixture(_ name: String) throws -> URL {
  try #require(Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Fixtures"))
}

/// The name of the error's case, without its values.
func caseName(_ error: some Error) -> String {
  Mirror(reflecting: error).children.first?.label ?? "\(error)"
}

/// A small model as a folder of Hugging Face, put together piece by piece, so that a test can make any of them wrong.
struct FolderModel: Sendable {
  var configuration: OrderedJSON
  /// Names and shapes; the numbers are made of them.
  var tensors: OrderedDictionary<String, [Int]>
  var elementType = ElementType.float32
  /// The file of each tensor that is not in the first, where there are shards.
  var shards: [String: String] = [:]

  /// The tensors that a family says its models have.
  init(_ family: any ModelFamily.Type, _ configuration: OrderedJSON) throws {
    self.configuration = configuration
    let keys = ConfigurationKeys(path: "test", values: configuration.object ?? [:])
    let sizes = try family.configuration(keys)
    var expected = family.tensors(sizes)
    for layer in 0..<sizes.layerCount { expected += family.tensors(sizes, layer: layer) }
    tensors = OrderedDictionary(uniqueKeysWithValues: expected.map { ($0.name, $0.shape) })
  }

  mutating func set(_ key: String, _ value: OrderedJSON?) {
    var members = configuration.object ?? [:]
    members[key] = value
    configuration = .object(members)
  }

  mutating func rename(_ name: (String) -> String) {
    tensors = OrderedDictionary(uniqueKeysWithValues: tensors.map { (name($0.key), $0.value) })
  }

  /// The numbers of a tensor: small multiples of 1/8, which every type holds exactly.
  static func values(_ name: String, _ shape: [Int]) -> [Float] {
    var generator = SeededGenerator(
      seed: UInt64(name.utf8.reduce(7) { ($0 &* 31 &+ Int($1)) & 0xffff }))
    return (0..<shape.reduce(1, *)).map { _ in Float(generator.index(below: 65) - 32) / 8 }
  }

  func write(to folder: TemporaryDirectory) throws {
    try folder.write(configuration.serialized(), to: "config.json")
    guard !shards.isEmpty else { return try write(tensors, to: folder.file("model.safetensors")) }
    let places = tensors.keys.map { ($0, OrderedJSON.string(shards[$0] ?? "part-1.safetensors")) }
    for name in Set(places.compactMap(\.1.string)) {
      try write(
        tensors.filter { (shards[$0.key] ?? "part-1.safetensors") == name }, to: folder.file(name))
    }
    let index: OrderedJSON = ["weight_map": .object(.init(uniqueKeysWithValues: places))]
    try folder.write(index.serialized(), to: "model.safetensors.index.json")
  }

  private func write(_ tensors: OrderedDictionary<String, [Int]>, to url: URL) throws {
    var writer = try SafetensorsWriter(
      at: url, tensors: tensors.map { .init(name: $0, elementType: elementType, shape: $1) })
    for (name, shape) in tensors {
      let values = Self.values(name, shape)
      try writer.append(values.span)
    }
    try writer.commit()
  }

  // MARK: Configurations

  static let bert: OrderedJSON = [
    "model_type": "bert", "architectures": ["BertForSequenceClassification"], "hidden_size": 8,
    "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12, "vocab_size": 20,
    "max_position_embeddings": 16, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
    "hidden_act": "gelu", "pad_token_id": 0,
  ]

  static let llama: OrderedJSON = [
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 12,
    "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 4,
    "intermediate_size": 10, "vocab_size": 20, "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "bos_token_id": 1,
    "eos_token_id": [2, 3],
  ]

  static let gpt2: OrderedJSON = [
    "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": 8, "n_layer": 2,
    "n_head": 2, "n_positions": 16, "vocab_size": 20, "layer_norm_epsilon": 1e-5,
    "activation_function": "gelu_new", "bos_token_id": 19, "eos_token_id": 19,
  ]

  static func changed(_ base: OrderedJSON, _ changes: OrderedJSON) -> OrderedJSON {
    base.adding(changes)
  }

  static let families: [(family: any ModelFamily.Type, configuration: OrderedJSON)] = [
    (BERT.self, bert),
    (
      RoBERTa.self,
      changed(
        bert,
        ["model_type": "roberta", "architectures": ["RobertaForSequenceClassification"]])
    ),
    (Llama.self, llama),
    (
      Qwen2.self,
      changed(
        llama, ["model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "head_dim": 2])
    ),
    (GPT2.self, gpt2),
  ]
}
