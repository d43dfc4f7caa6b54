import Gradients
import LinearAlgebra
import Testing

import Transformers

@Suite("Gradients of some of an adapter's blocks")
struct ChosenBlocksTests {
  /// The gradients of all texts by the chosen blocks, and what each is called.
  private func gradients(
    _ model: ComputedModel, _ adapter: Adapter
  ) throws -> [String: Matrix<Double>] {
    let configuration = model.checkpoint.configuration
    let transformer = Transformer<Double>(
      configuration: configuration,
      architecture: model.checkpoint.family.architecture(configuration),
      weights: try ModelWeights(model.checkpoint, keeping: []),
      adapter: AdapterParameters(adapter))
    let rows = try #require(
      try transformer.measured(
        TextBatch(texts: model.texts[...], firstToken: 0), TextMeasurement(), gradients: .perText,
        rotation: transformer.rotation(positions: 32)
      ).gradients
    ).rows
    return Dictionary(uniqueKeysWithValues: zip(adapter.gradientLayout.blocks.map(\.name), rows))
  }

  @Test(
    "each block alone, and the halves of pairs, are those of all",
    arguments: ComputedModel.families)
  func columns(_ family: String) throws {
    let model = try ComputedModel(family)
    let all = try gradients(model, model.adapter)
    let halves = [["*lora_A*"], ["*lora_B*"], ["*.1.*", "*ifier*"]]
    let patterns = model.adapter.layout.blocks.map { [$0.name] } + halves
    for chosen in patterns where family.contains("bert") || chosen.count == 1 {
      let adapter = try model.adapter.takingGradients(ofBlocks: chosen)
      let found = try gradients(model, adapter)
      #expect(!found.isEmpty && found.count == adapter.gradientBlocks.count)
      for (name, rows) in found { #expect(all[name] == rows, "\(name) of \(chosen)") }
    }
  }

  @Test("a pattern that fits nothing is refused; fewer blocks need less memory")
  func choice() throws {
    let model = try ComputedModel("llama")
    #expect(throws: GradientStoreError.self) {
      try model.adapter.takingGradients(ofBlocks: ["*lora_A*", "*lora_C*"])
    }
    #expect(try model.adapter.takingGradients(ofBlocks: []).gradientLayout == model.adapter.layout)
    func bytes(_ patterns: [String]) throws -> Int {
      try PassMemory(
        model.checkpoint, adapter: model.adapter.takingGradients(ofBlocks: patterns),
        texts: model.texts, budget: 1 << 30, threads: 1
      ).bytes
    }
    // The second layer of two: half as many layers keep what backward needs.
    #expect(try bytes(["*.layers.1.*"]) < bytes(["*.layers.0.*"]))
    #expect(try bytes(["*.layers.0.*"]) < bytes([]))
  }
}
