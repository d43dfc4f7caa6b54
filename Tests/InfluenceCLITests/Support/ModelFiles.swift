import Foundation
import InfluenceKit
import OrderedCollections
import TestSupport

/// Small models, an adapter and texts in a folder, and ways to make each of them wrong.
extension Workplace {
  /// Writes `bert` and `adapter` for it, `llama`, `llama.gguf`, `train.jsonl` and `answers.jsonl`.
  func writeModelFiles() throws {
    try TinyModels.writeBERT(to: "bert", in: self)
    try TinyModels.writeLlama(to: "llama", in: self)
    try writeGGUF { _ in }
    try write(try TinyModels.reviews(8, seed: 1), to: "train.jsonl")
    try write(try TinyModels.answers(), to: "answers.jsonl")
    try writeAdapter(of: "bert", targets: ["query", "value"], task: .classification, to: "adapter")
  }

  func writeAdapter(
    of model: String, targets: [String], task: LoRAConfiguration.Task, to name: String
  ) throws {
    let configuration = LoRAConfiguration(rank: 2, targets: .names(targets), task: task)
    try Adapter(
      for: Checkpoint(opening: file(model)), configuration: configuration,
      labelCount: task == .classification ? 2 : nil, seed: 3
    ).write(to: file(name))
  }

  /// Writes a Llama with one layer and the tokens of `TinyModels.writeLlama` as `llama.gguf`.
  func writeGGUF(_ change: (inout GGUFBuilder) -> Void) throws {
    var builder = GGUFBuilder()
    builder.set("general.architecture", .string("llama"))
    let sizes: KeyValuePairs<String, UInt32> = [
      "block_count": 1, "context_length": 32, "embedding_length": 16, "feed_forward_length": 32,
      "attention.head_count": 4, "attention.head_count_kv": 2, "rope.dimension_count": 4,
      "vocab_size": 29,
    ]
    for (key, value) in sizes { builder.set("llama.\(key)", .uint32(value)) }
    builder.set("llama.attention.layer_norm_rms_epsilon", .float32(1e-5))
    let letters = "abcdefghijklmnopqrstuvwxyz".map(String.init)
    builder.set("tokenizer.ggml.model", .string("gpt2"))
    builder.set("tokenizer.ggml.pre", .string("gpt-2"))
    builder.set("tokenizer.ggml.tokens", .strings(["<s>", "</s>", "Ġ"] + letters))
    builder.set("tokenizer.ggml.token_type", .int32s([3, 3] + Array(repeating: 1, count: 27)))
    builder.set("tokenizer.ggml.merges", .strings([]))
    builder.set("tokenizer.ggml.bos_token_id", .uint32(0))
    builder.set("tokenizer.ggml.eos_token_id", .uint32(1))
    let shapes: KeyValuePairs = [
      "token_embd": [29, 16], "output_norm": [16], "blk.0.attn_norm": [16],
      "blk.0.attn_q": [16, 16], "blk.0.attn_k": [8, 16], "blk.0.attn_v": [8, 16],
      "blk.0.attn_output": [16, 16], "blk.0.ffn_norm": [16], "blk.0.ffn_gate": [32, 16],
      "blk.0.ffn_up": [32, 16], "blk.0.ffn_down": [16, 32],
    ]
    for (name, shape) in shapes {
      let values = (0..<shape.reduce(1, *)).map { Float($0 % 7 - 3) / 8 }
      builder.add("\(name).weight", shape, values)
    }
    change(&builder)
    try write(builder.bytes, to: "llama.gguf")
  }

  /// Sets a key of a file of JSON, or removes it.
  func set(_ key: String, to value: OrderedJSON?, in name: String) throws {
    var members = try json(name).object ?? [:]
    members[key] = value
    try write(OrderedJSON.object(members).serialized(), to: name)
  }

  /// Takes the end of a file away.
  func cut(_ name: String, keeping share: Double) throws {
    let whole = try bytes(name)
    try write(Array(whole.prefix(Int(share * Double(whole.count)))), to: name)
  }

  func remove(_ name: String) throws { try FileManager.default.removeItem(at: file(name)) }

  /// Replaces the first place of a text in a file's bytes by another of the same length.
  func replace(_ old: String, by new: String, in name: String) throws {
    var whole = try bytes(name)
    guard let place = whole.firstRange(of: Data(old.utf8)), old.utf8.count == new.utf8.count else {
      throw CocoaError(.fileReadCorruptFile)
    }
    whole.replaceSubrange(place, with: Data(new.utf8))
    try write(Array(whole), to: name)
  }

  /// A tensor of a file, to be changed.
  struct StoredNumbers {
    var shape: [Int]
    var values: [Float]
  }

  /// Writes the tensors of a safetensors file anew.
  func changeTensors(
    in name: String, _ change: (inout [String: StoredNumbers]) -> Void
  ) throws {
    let stored = try SafetensorsFile(opening: file(name))
    var tensors: [String: StoredNumbers] = [:]
    for (name, entry) in stored.tensors {
      tensors[name] = StoredNumbers(
        shape: entry.shape, values: try stored.matrix(name, as: Float.self).elements)
    }
    change(&tensors)
    let sorted = tensors.sorted { $0.key < $1.key }
    var writer = try SafetensorsWriter(
      at: file(name),
      tensors: sorted.map { .init(name: $0.key, elementType: .float32, shape: $0.value.shape) })
    for (_, numbers) in sorted { try writer.append(numbers.values.span) }
    try writer.commit()
  }
}
