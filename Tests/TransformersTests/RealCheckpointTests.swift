import Foundation
import LinearAlgebra
import OrderedCollections
import TensorFiles
import TestSupport
import Testing
import Transformers

/// Some of SmolLM2's tensors as transformers has them.
private let layersName = "smollm2-layers.safetensors"

@Suite("Real checkpoints")
struct RealCheckpointTests {
  @Test(
    "SmolLM2 as a GGUF file",
    .enabled(if: FetchedModels.smolLM2 != nil, FetchedModels.absent))
  func smolLM2() throws {
    let checkpoint = try Checkpoint(
      opening: #require(FetchedModels.smolLM2))
    let configuration = checkpoint.configuration
    #expect(configuration.family == "llama" && configuration.layerCount == 30)
    #expect(configuration.hiddenSize == 576 && configuration.intermediateSize == 1536)
    #expect(configuration.headCount == 9 && configuration.keyValueHeadCount == 3)
    #expect(configuration.headSize == 64 && configuration.vocabularySize == 49_152)
    #expect(configuration.positionCount == 8192 && configuration.tiesHead)
    #expect(
      configuration.rotary?.theta == 100_000
        && configuration.rotary?.scaling == RotaryEmbedding.Scaling.none)
    #expect(configuration.specialTokens.beginning == 1 && configuration.specialTokens.ends == [2])
    #expect(checkpoint.unusedTensors.isEmpty && checkpoint.tensorNames.count == 272)
    let tokenizer = try #require(checkpoint.embeddedTokenizer)
    #expect(tokenizer.model == "gpt2" && tokenizer.preTokenizer == "smollm")
    #expect(tokenizer.tokens.count == 49_152 && tokenizer.merges.count == 48_900)
    #expect(tokenizer.types.count == 49_152 && tokenizer.types.prefix(3) == [3, 3, 3])
    #expect(tokenizer.addsBeginning == false && tokenizer.addsSpacePrefix == false)
  }

  /// `scripts/oracles/checkpoints.py layers` writes what transformers loads from the same file.
  @Test(
    "SmolLM2's numbers are those of transformers, to the last bit",
    .enabled(
      if: FetchedModels.smolLM2 != nil
        && FetchedModels.url(layersName) != nil, FetchedModels.absent))
  func layers() throws {
    let checkpoint = try Checkpoint(
      opening: #require(FetchedModels.smolLM2))
    let expected = try SafetensorsFile(
      opening: #require(FetchedModels.url(layersName)))
    #expect(expected.tensors.count == 29)
    var largest: Float = 0
    for name in expected.tensors.keys {
      let (found, wanted) = (try checkpoint.matrix(name), try expected.matrix(name, as: Float.self))
      try #require(found.rows == wanted.rows && found.columns == wanted.columns)
      #expect(wanted.elements.contains { $0 != 0 })
      for index in found.elements.indices where found.elements[index] != wanted.elements[index] {
        largest = max(largest, (found.elements[index] - wanted.elements[index]).magnitude)
      }
    }
    #expect(largest == 0)
  }

  @Test(
    "MiniLM as a folder",
    .enabled(if: FetchedModels.miniLM != nil, FetchedModels.absent))
  func miniLM() throws {
    let url = try #require(FetchedModels.miniLM)
    let checkpoint = try Checkpoint(opening: url)
    let configuration = checkpoint.configuration
    #expect(configuration.family == "bert" && configuration.layerCount == 6)
    #expect(configuration.hiddenSize == 384 && configuration.headCount == 12)
    #expect(configuration.activation == .gelu && configuration.normEpsilon == 1e-12)
    #expect(checkpoint.unusedTensors == ["bert.embeddings.position_ids"])
    #expect(!checkpoint.has("classifier.weight") && checkpoint.has("bert.pooler.dense.weight"))
    let words = "bert.embeddings.word_embeddings.weight"
    let file = try SafetensorsFile(opening: url.appending(path: "model.safetensors"))
    let rows = try checkpoint.rows(of: words, 30_000..<30_522)
    #expect(
      try rows == file.mapped("embeddings.word_embeddings.weight")[rows: 30_000..<30_522].matrix())
  }
}
