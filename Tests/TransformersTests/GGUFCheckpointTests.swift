import Foundation
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing
import Transformers

@Suite("Checkpoints in GGUF files")
struct GGUFCheckpointTests {
  /// `scripts/oracles/checkpoints.py` wrote the same weights in both ways, and transformers agrees (but for BERT, which it
  /// cannot read from such a file).
  @Test(
    "tensors are those of the folder, to the last bit",
    arguments: ["llama", "qwen2", "gpt2", "bert"])
  func sameAsFolder(name: String) throws {
    let folder = try Checkpoint(opening: fixture("tiny-\(name)"))
    let file = try Checkpoint(opening: fixture("tiny-\(name).gguf"))
    #expect(Set(file.tensorNames) == Set(folder.tensorNames))
    #expect(file.unusedTensors.isEmpty && folder.unusedTensors.isEmpty)
    for tensor in folder.tensorNames {
      #expect(try file.shape(of: tensor) == folder.shape(of: tensor))
      let expected = try folder.matrix(tensor)
      #expect(try file.matrix(tensor) == expected, "\(tensor)")
      for first in 0..<expected.rows {
        for end in first...min(first + 9, expected.rows) {
          let rows = Matrix(expected.view[rows: first..<end, columns: 0..<expected.columns])
          guard try file.rows(of: tensor, first..<end) != rows else { continue }
          Issue.record("rows \(first)..<\(end) of \(tensor)")
        }
      }
    }
  }

  @Test("configurations are those of the folder", arguments: ["llama", "qwen2", "gpt2", "bert"])
  func sameConfiguration(name: String) throws {
    let folder = try Checkpoint(opening: fixture("tiny-\(name)")).configuration
    let file = try Checkpoint(opening: fixture("tiny-\(name).gguf")).configuration
    for (found, expected) in zip(
      Mirror(reflecting: file).children, Mirror(reflecting: folder).children)
    {
      switch expected.label {
      case "normEpsilon":
        // The file has it in single precision.
        #expect(Float(file.normEpsilon) == Float(folder.normEpsilon))
      case "specialTokens" where name == "bert":
        #expect(folder.specialTokens.padding == 0 && file.specialTokens.padding == nil)
      default:
        #expect("\(found)" == "\(expected)")
      }
    }
  }

  @Test("the tokenizer's data are plain values")
  func tokenizer() throws {
    let tokenizer = try #require(
      try Checkpoint(opening: fixture("tiny-llama.gguf")).embeddedTokenizer)
    #expect(tokenizer.model == "gpt2" && tokenizer.preTokenizer == "default")
    #expect(tokenizer.tokens == (0..<40).map { "t\($0)" })
    #expect(tokenizer.types == [3, 3, 3] + [Int](repeating: 1, count: 37))
    #expect(tokenizer.merges == ["t 1", "t 2"] && tokenizer.scores.isEmpty)
    #expect(tokenizer.beginning == 1 && tokenizer.end == 2)
    #expect(tokenizer.unknown == nil && tokenizer.addsBeginning == nil)
  }

  @Test("rows of queries and keys are put back as their definition says, quantized or not")
  func permutation() throws {
    let folder = try TemporaryDirectory()
    var builder = LlamaFile.builder
    // 6 heads of queries and 2 of keys, each of 4 rows; row r of 12 numbers is all r.
    func rows(_ count: Int) -> [Float] {
      (0..<count).flatMap { [Float](repeating: Float($0), count: 12) }
    }
    builder.replace("blk.0.attn_q.weight", [24, 12], rows(24))
    builder.replace("blk.0.attn_k.weight", [8, 12], rows(8))
    builder.replace("blk.1.attn_q.bias", [24], (0..<24).map { Float($0) })
    let url = try folder.write(builder.bytes, to: "model.gguf")
    let checkpoint = try Checkpoint(opening: url)
    for (name, heads) in [("q", 6), ("k", 2)] {
      // In each head, half s and pair j of Hugging Face's rows are row 2j + s of the file's.
      var expected: [Float] = []
      for head in 0..<heads {
        for half in 0..<2 {
          for pair in 0..<2 { expected.append(Float(4 * head + 2 * pair + half)) }
        }
      }
      let found = try checkpoint.matrix("model.layers.0.self_attn.\(name)_proj.weight")
      #expect((0..<found.rows).map { found[$0, 11] } == expected)
    }
    // A bias that the model does not have is listed, and its rows too are put back.
    #expect(checkpoint.unusedTensors == ["model.layers.1.self_attn.q_proj.bias"])
    let bias = try checkpoint.matrix("model.layers.1.self_attn.q_proj.bias")
    #expect(Array(bias.elements.prefix(8)) == [0, 2, 1, 3, 4, 6, 5, 7])
  }

  @Test("what a file does not say is taken from its tensors, or has the architecture's value")
  func defaults() throws {
    let folder = try TemporaryDirectory()
    var builder = LlamaFile.builder
    builder.metadata.removeAll {
      ["llama.vocab_size", "llama.attention.head_count_kv"].contains($0.key)
    }
    builder.replace("blk.0.attn_k.weight", [24, 12], [Float](repeating: 1, count: 288))
    builder.replace("blk.0.attn_v.weight", [24, 12], [Float](repeating: 1, count: 288))
    builder.replace("blk.1.attn_k.weight", [24, 12], [Float](repeating: 1, count: 288))
    builder.replace("blk.1.attn_v.weight", [24, 12], [Float](repeating: 1, count: 288))
    builder.add("output.weight", [20, 12], [Float](repeating: 1, count: 240))
    builder.add("rope_freqs.weight", [2], [1, 8])
    let url = try folder.write(builder.bytes, to: "model.gguf")
    let checkpoint = try Checkpoint(opening: url)
    let configuration = checkpoint.configuration
    #expect(configuration.vocabularySize == 20 && configuration.keyValueHeadCount == 6)
    #expect(!configuration.tiesHead && checkpoint.has("lm_head.weight"))
    #expect(configuration.activation == .silu && configuration.rotary?.theta == 10_000)
    #expect(configuration.rotary?.scaling == .divisors([1, 8]))
    #expect(checkpoint.unusedTensors.isEmpty && checkpoint.embeddedTokenizer == nil)
  }
}

/// A small Llama as a GGUF file: two layers, six heads of queries, two of keys, of four numbers each.
enum LlamaFile {
  static var builder: GGUFBuilder {
    var builder = GGUFBuilder()
    builder.set("general.architecture", .string("llama"))
    let sizes: [(String, UInt32)] = [
      ("block_count", 2), ("context_length", 64), ("embedding_length", 12),
      ("feed_forward_length", 10), ("attention.head_count", 6), ("attention.head_count_kv", 2),
      ("attention.key_length", 4), ("attention.value_length", 4), ("rope.dimension_count", 4),
      ("vocab_size", 20),
    ]
    for (key, value) in sizes { builder.set("llama.\(key)", .uint32(value)) }
    builder.set("llama.attention.layer_norm_rms_epsilon", .float32(1e-5))
    var shapes: [(String, [Int])] = [
      ("token_embd.weight", [20, 12]), ("output_norm.weight", [12]),
    ]
    for layer in 0..<2 {
      shapes += [
        ("attn_norm", [12]), ("attn_q", [24, 12]), ("attn_k", [8, 12]), ("attn_v", [8, 12]),
        ("attn_output", [12, 24]), ("ffn_norm", [12]), ("ffn_gate", [10, 12]),
        ("ffn_up", [10, 12]), ("ffn_down", [12, 10]),
      ].map { ("blk.\(layer).\($0.0).weight", $0.1) }
    }
    for (name, shape) in shapes { builder.add(name, shape, FolderModel.values(name, shape)) }
    return builder
  }
}

extension GGUFBuilder {
  /// Gives a tensor other numbers, or adds it.
  mutating func replace(_ name: String, _ shape: [Int], _ values: [Float]) {
    add(name, shape, values)
    guard let place = tensors.firstIndex(where: { $0.name == name }), place < tensors.count - 1,
      let tensor = tensors.popLast()
    else { return }
    tensors[place] = tensor
  }
}
