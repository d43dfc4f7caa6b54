import Foundation
import TestSupport
import TensorFiles
import Testing
import Transformers

/// A GGUF file of a model with something wrong, and the case of the error and the words that say so.
struct RefusedGGUF: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let expected: String
  let words: [String]
  let bytes: [UInt8]

  init(
    _ name: String, _ expected: String, _ words: String..., change: (inout GGUFBuilder) -> Void
  ) {
    var builder = LlamaFile.builder
    change(&builder)
    (testDescription, self.expected, self.words, bytes) = (name, expected, words, builder.bytes)
  }

  static let all: [RefusedGGUF] = [
    .init("no architecture", "missingKey", "general.architecture") { $0.metadata.removeFirst() },
    .init("unknown architecture", "unsupported", "mamba", "bert, llama, qwen2, gpt2") {
      $0.set("general.architecture", .string("mamba"))
    },
    .init("architecture as a number", "unsupported", "general.architecture") {
      $0.set("general.architecture", .uint32(1))
    },
    .init("no layers", "missingKey", "llama.block_count") {
      $0.metadata.removeAll { $0.key == "llama.block_count" }
    },
    .init("layers as text", "invalidKey", "llama.block_count") {
      $0.set("llama.block_count", .string("2"))
    },
    .init("heads that differ by layer", "invalidKey", "llama.attention.head_count_kv") {
      $0.set("llama.attention.head_count_kv", .int32s([2, 1]))
    },
    .init("a norm that divides by nothing", "invalidKey", "layer_norm_rms_epsilon") {
      $0.set("llama.attention.layer_norm_rms_epsilon", .float32(.nan))
    },
    .init("positions that turn a part of each head", "unsupported", "rope.dimension_count", "2") {
      $0.set("llama.rope.dimension_count", .uint32(2))
    },
    .init("values of another size", "unsupported", "llama.attention.value_length") {
      $0.set("llama.attention.value_length", .uint32(8))
    },
    .init("experts", "unsupported", "llama.expert_count", "8") {
      $0.set("llama.expert_count", .uint32(8))
    },
    .init("attention in both directions", "unsupported", "llama.attention.causal") {
      $0.set("llama.attention.causal", .boolean(false))
    },
    .init("a sliding window", "unsupported", "llama.attention.sliding_window", "16") {
      $0.set("llama.attention.sliding_window", .uint32(16))
    },
    .init("yarn", "unsupported", "llama.rope.scaling.type", "yarn") {
      $0.set("llama.rope.scaling.type", .string("yarn"))
    },
    .init("linear scaling by nothing", "missingKey", "llama.rope.scaling.factor") {
      $0.set("llama.rope.scaling.type", .string("linear"))
    },
    .init("too many rotary divisors", "invalidKey", "rope_freqs.weight", "2 positive numbers") {
      $0.add("rope_freqs.weight", [3], [1, 2, 3])
    },
    .init("a rotary divisor of zero", "invalidKey", "rope_freqs.weight") {
      $0.add("rope_freqs.weight", [2], [1, 0])
    },
    .init("rotary divisors as a matrix", "invalidKey", "rope_freqs.weight", "[1, 2]") {
      $0.add("rope_freqs.weight", [1, 2], [1, 1])
    },
    .init("a part of a file", "unsupported", "split.count", "a single file") {
      $0.set("split.count", .uint32(3))
    },
    .init("an older quantization", "unsupported", "general.quantization_version") {
      $0.set("general.quantization_version", .uint32(1))
    },
    .init("missing tensor", "missingTensor", "model.layers.1.self_attn.v_proj.weight", "[8, 12]") {
      $0.tensors.removeAll { $0.name == "blk.1.attn_v.weight" }
    },
    .init("wrong shape", "wrongShape", "k_proj", "[24, 12]", "[8, 12]") {
      $0.replace("blk.0.attn_k.weight", [24, 12], [Float](repeating: 0, count: 288))
    },
    .init("a type that is not read", "unsupportedType", "model.norm.weight", "F64", "Q4_1") {
      $0.tensors.removeAll { $0.name == "output_norm.weight" }
      $0.add("output_norm.weight", [12], type: 28, bytes: [UInt8](repeating: 0, count: 96))
    },
    .init("a head of integers", "unsupportedType", "lm_head.weight", "I8") {
      $0.add("output.weight", [20, 12], type: 24, bytes: [UInt8](repeating: 0, count: 240))
    },
    .init("one tensor under two names", "repeatedTensor", "model.norm.weight") {
      $0.add("model.norm.weight", [12], [Float](repeating: 0, count: 12))
    },
    .init("a token's id past the vocabulary", "invalidKey", "tokenizer.ggml.bos_token_id") {
      $0.set("tokenizer.ggml.bos_token_id", .uint32(20))
    },
    .init("a tokenizer without tokens", "missingKey", "tokenizer.ggml.tokens") {
      $0.set("tokenizer.ggml.model", .string("gpt2"))
    },
    .init("tokens as numbers", "invalidKey", "tokenizer.ggml.tokens", "an array of integers") {
      $0.set("tokenizer.ggml.model", .string("gpt2"))
      $0.set("tokenizer.ggml.tokens", .int32s([1, 2]))
    },
    .init("scores for other tokens", "invalidKey", "tokenizer.ggml.scores", "one for each of 2") {
      $0.set("tokenizer.ggml.model", .string("llama"))
      $0.set("tokenizer.ggml.tokens", .strings(["a", "b"]))
      $0.set("tokenizer.ggml.scores", .float32s([1]))
    },
    .init("more tokens than the vocabulary", "invalidKey", "ggml.tokens", "at most the 20") {
      $0.set("tokenizer.ggml.model", .string("llama"))
      $0.set("tokenizer.ggml.tokens", .strings((0...20).map { "t\($0)" }))
    },
    .init("an unknown token past the tokens", "invalidKey", "unknown_token_id", "below 2") {
      $0.set("tokenizer.ggml.model", .string("llama"))
      $0.set("tokenizer.ggml.tokens", .strings(["a", "b"]))
      $0.set("tokenizer.ggml.unknown_token_id", .uint32(2))
    },
    .init("version 1", "unsupportedVersion", "version 1") { $0.version = 1 },
  ]
}

@Suite("GGUF files that are refused")
struct RefusedGGUFTests {
  @Test("what is wrong is said", arguments: RefusedGGUF.all)
  func refused(file: RefusedGGUF) throws {
    let folder = try TemporaryDirectory()
    let url = try folder.write(file.bytes, to: "model.gguf")
    let error = try #require(throws: (any Error).self) { _ = try Checkpoint(opening: url) }
    #expect(error is TransformerError || error is TensorFileError)
    #expect(caseName(error) == file.expected, "\(error)")
    #expect("\(error)".hasPrefix(url.path), "\(error)")
    for word in file.words { #expect("\(error)".contains(word), "\(error)") }
  }

  @Test("RoBERTa under the name of BERT")
  func robertaAsBERT() throws {
    let folder = try TemporaryDirectory()
    var builder = GGUFBuilder()
    builder.set("general.architecture", .string("bert"))
    builder.set("tokenizer.ggml.model", .string("gpt2"))
    let url = try folder.write(builder.bytes, to: "model.gguf")
    let error = #expect(throws: TransformerError.self) { _ = try Checkpoint(opening: url) }
    #expect(error?.description.contains("tokenizer.ggml.model") == true)
  }

  @Test("a file cut short anywhere is an error")
  func truncated() throws {
    let folder = try TemporaryDirectory(inMemory: ())
    let bytes = LlamaFile.builder.bytes
    for count in stride(from: 0, to: bytes.count - 32, by: 61) {
      let url = try folder.write(bytes.prefix(count), to: "model.gguf")
      #expect(throws: (any Error).self, "\(count) bytes") { _ = try Checkpoint(opening: url) }
    }
  }
}
