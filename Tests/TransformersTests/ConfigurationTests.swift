import Foundation
import TensorFiles
import TestSupport
import Testing
import Transformers

@Suite("Configurations of models")
struct ConfigurationTests {
  /// The configuration in a folder whose tensors are those that it asks for.
  private func read(
    _ family: any ModelFamily.Type, _ base: OrderedJSON, _ changes: OrderedJSON
  ) throws -> ModelConfiguration {
    let folder = try TemporaryDirectory()
    try FolderModel(family, base.adding(changes)).write(to: folder)
    return try Checkpoint(opening: folder.url).configuration
  }

  @Test("what is not said has Hugging Face's default")
  func defaults() throws {
    let llama = try read(
      Llama.self, FolderModel.llama,
      ["num_key_value_heads": nil, "head_dim": nil, "rope_theta": nil, "eos_token_id": nil])
    #expect(llama.keyValueHeadCount == 6 && llama.headSize == 2)
    #expect(llama.rotary == nil || llama.rotary?.theta == 10_000)
    #expect(llama.rotary?.scaling == RotaryEmbedding.Scaling.none && !llama.tiesHead)
    #expect(llama.specialTokens.ends.isEmpty && llama.labels.isEmpty)
    let gpt2 = try read(GPT2.self, FolderModel.gpt2, [:])
    #expect(gpt2.intermediateSize == 32 && gpt2.tiesHead && gpt2.rotary == nil)
    #expect(gpt2.activation == .geluTanh && gpt2.hasFeedForwardBias)
    let bert = try read(BERT.self, FolderModel.bert, [:])
    #expect(bert.labels == ["LABEL_0", "LABEL_1"] && bert.tokenTypeCount == 2)
    #expect(bert.specialTokens.padding == 0 && bert.specialTokens.beginning == nil)
  }

  @Test("labels are named by id, whatever their order")
  func labels() throws {
    let named = try read(
      BERT.self, FolderModel.bert, ["id2label": ["1": "good", "0": "bad", "2": "so-so"]])
    #expect(named.labels == ["bad", "good", "so-so"])
    #expect(try read(BERT.self, FolderModel.bert, ["num_labels": 1]).labels == ["LABEL_0"])
  }

  @Test("heads that are not tied, biases, and several tokens at the end")
  func flags() throws {
    let tied = try read(
      Llama.self, FolderModel.llama,
      ["tie_word_embeddings": true, "attention_bias": true, "mlp_bias": true, "pad_token_id": -1])
    #expect(tied.tiesHead && tied.hasAttentionBias && tied.hasAttentionOutputBias)
    #expect(tied.hasFeedForwardBias && tied.specialTokens.padding == nil)
    #expect(tied.specialTokens.beginning == 1 && tied.specialTokens.ends == [2, 3])
  }

  @Test("scalings of positions, in the older keys and the newer")
  func scalings() throws {
    func scaling(_ changes: OrderedJSON) throws -> RotaryEmbedding? {
      try read(Llama.self, FolderModel.llama, changes).rotary
    }
    let llama3: OrderedJSON = [
      "rope_type": "llama3", "factor": 8, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
      "original_max_position_embeddings": 32,
    ]
    let expected = RotaryEmbedding.Scaling.llama3(
      factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 32)
    #expect(try scaling(["rope_scaling": llama3])?.scaling == expected)
    let newer = try scaling(["rope_parameters": llama3.adding(["rope_theta": 5e5])])
    #expect(newer?.scaling == expected && newer?.theta == 5e5)
    #expect(
      try scaling(["rope_scaling": ["type": "linear", "factor": 2.5]])?.scaling
        == .linear(factor: 2.5))
    #expect(
      try scaling(["rope_parameters": ["rope_type": "default"]])?.scaling
        == RotaryEmbedding.Scaling.none)
  }

  @Test("a sliding window that never cuts is none")
  func windows() throws {
    let mistral: OrderedJSON = [
      "model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": nil,
    ]
    #expect(try read(Llama.self, FolderModel.llama, mistral).family == "llama")
    #expect(
      try read(Llama.self, FolderModel.llama, mistral.adding(["sliding_window": 64])).positionCount
        == 64)
    let qwen: OrderedJSON = [
      "model_type": "qwen2", "architectures": nil, "head_dim": 2, "use_sliding_window": false,
      "sliding_window": 16, "layer_types": ["full_attention", "full_attention"],
    ]
    #expect(try read(Qwen2.self, FolderModel.llama, qwen).family == "qwen2")
  }
}
