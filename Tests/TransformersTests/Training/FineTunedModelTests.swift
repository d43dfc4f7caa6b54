import Gradients
import LinearAlgebra
import Models
import Testing

import Transformers

@Suite("A language model that is trained again")
struct FineTunedModelTests {
  private let settings = FineTuningSettings(
    epochs: 2, batchSize: 2, learningRate: 0.02, warmup: 0, largestNorm: 0)

  /// A small model, of which gradients are taken of some blocks alone.
  private func model(
    _ family: String, blocks: [String] = []
  ) throws -> (computed: ComputedModel, model: FineTunedModel) {
    let computed = try ComputedModel(family)
    let adapter = try computed.adapter.takingGradients(ofBlocks: blocks)
    let model = try LanguageModel(computed.checkpoint, adapter: adapter)
    return (computed, FineTunedModel(model, settings: settings))
  }

  private func elements(_ model: FineTunedModel) -> [[Float]] {
    model.model.adapter.parameters.map(\.elements)
  }

  @Test("begins each training with the same adapter", arguments: ["bert", "gpt2"])
  func again(_ family: String) throws {
    let (computed, start) = try model(family)
    let first = try start.trained(on: computed.texts, seed: 3)
    #expect(elements(first) != elements(start))
    #expect(elements(try first.trained(on: computed.texts, seed: 3)) == elements(first))
    #expect(elements(try start.trained(on: computed.texts, seed: 4)) != elements(first))
    #expect(start.optimizerMoments == nil && first.optimizerMoments?.rule.stepCount == 4)
    let before = try start.losses(of: computed.texts).reduce(0, +)
    #expect(try first.losses(of: computed.texts).reduce(0, +) < before)
  }

  @Test("trains all of the adapter where gradients are taken of some blocks")
  func blocks() throws {
    let (computed, start) = try model("bert")
    let (_, some) = try model("bert", blocks: ["*classifier*"])
    let trained = try some.trained(on: computed.texts, seed: 3)
    #expect(elements(trained) == elements(try start.trained(on: computed.texts, seed: 3)))
    #expect(trained.layout == some.layout && trained.layout.count == 2)
    #expect(trained.layout != start.layout)
  }

  @Test("weighs texts: 1 is nothing, 0 leaves the text unread, and bad weights are refused")
  func weights() throws {
    let (computed, start) = try model("bert")
    func trained(_ texts: [TokenSequence], _ weights: [Double]?) throws -> [[Float]] {
      elements(try start.trained(on: texts, weights: weights, seed: 1, progress: nil))
    }
    let plain = try trained(computed.texts, nil)
    #expect(try trained(computed.texts, [1, 1, 1, 1]) == plain)
    let without = try trained(computed.texts, [1, 1, 0, 1])
    #expect(without != plain)
    var other = computed.texts
    other[2].goal = .label(1)
    #expect(other != computed.texts)
    #expect(try trained(other, [1, 1, 0, 1]) == without)
    #expect(try trained(other, nil) != plain)
    for bad in [[1, 1, -1, 1], [1, .nan, 1, 1], [0, 0, 0, 0]] {
      #expect(throws: ModelError.self) { try trained(computed.texts, bad) }
    }
  }

  @Test("gives gradients, losses and factors of its model")
  func gradients() throws {
    let (computed, start) = try model("llama")
    var rows: [Range<Int>] = []
    try start.forEachGradientBatch(of: computed.texts, target: .margin, batchSize: 3) {
      range, blocks, losses in
      rows.append(range)
      #expect(blocks.count == start.layout.count && losses.count == range.count)
      let expected = try computed.values("loss").elements[range]
      #expect(zip(losses, expected).allSatisfy { abs($0 - $1) < 1e-4 * max(1, $1) })
    }
    #expect(rows == [0..<3, 3..<4])
    let store = try start.gradients(of: computed.texts, name: "train", as: Double.self)
    for (index, block) in computed.adapter.layout.blocks.enumerated() {
      let found = Matrix(try store.rows(0..<4, of: index, as: Double.self))
      #expect(relativeError(found, try computed.gradient(block)) < 2e-5)
    }
    let factors = try start.kroneckerFactors(over: computed.texts, labels: .empirical)
    #expect(factors.map(\.block) == start.layout.blocks.map(\.name))
    let curvature = try start.curvature(
      over: computed.texts, .kroneckerFactors, labels: .empirical)
    #expect(try curvature.kroneckerFactors(of: start.layout.blocks[0]).activations.rows > 0)
  }

  /// The mean loss in double precision with two parameters moved.
  private func loss(
    _ computed: ComputedModel, _ moves: [(block: String, place: Int, by: Double)]
  ) throws -> Double {
    var parameters = computed.adapter.parameters.map { Matrix<Double>(converting: $0) }
    for move in moves {
      let index = try #require(
        computed.adapter.layout.blocks.firstIndex { $0.name == move.block })
      parameters[index].elements[move.place] += move.by
    }
    let transformer = try computed.transformer(Double.self, parameters: parameters)
    let values = try transformer.measured(
      TextBatch(texts: computed.texts[...], firstToken: 0), TextMeasurement(), gradients: .none,
      rotation: transformer.rotation(positions: 32)
    ).values
    return values.reduce(0, +) / Double(values.count)
  }

  @Test(
    "has the Hessian that second differences of the loss give",
    arguments: [("bert", "*layer.1*query.lora_*"), ("qwen2", "*layers.1*v_proj.lora_A*")])
  func hessian(_ family: String, _ pattern: String) throws {
    let (computed, start) = try model(family, blocks: [pattern])
    let hessian = try start.hessian(over: computed.texts)
    let places = start.layout.blocks.flatMap { block in
      (0..<block.width).map { (block: block.name, place: $0) }
    }
    #expect(hessian.rows == places.count && hessian.columns == places.count && places.count > 20)
    let largest = hessian.elements.map(abs).max() ?? 0
    #expect(largest > 1e-3)
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<12 {
      let (i, j) = (
        generator.index(below: places.count), generator.index(below: places.count)
      )
      // Rounding is 1e-16/step², the error of the difference of the order of step².
      let step = 1e-3
      func value(_ a: Double, _ b: Double) throws -> Double {
        try loss(
          computed,
          [
            (places[i].block, places[i].place, a * step),
            (places[j].block, places[j].place, b * step),
          ])
      }
      let expected =
        (try value(1, 1) - value(1, -1) - value(-1, 1) + value(-1, -1)) / (4 * step * step)
      #expect(abs(hessian[i, j] - expected) < 1e-4 * largest)
      #expect(hessian[i, j] == hessian[j, i])
    }
  }

  @Test("has a Gauss–Newton matrix that is the Hessian where logits are linear")
  func gaussNewton() throws {
    let (computed, start) = try model("bert", blocks: ["*classifier*"])
    let hessian = try start.hessian(over: computed.texts)
    let gaussNewton = try start.gaussNewton(over: computed.texts)
    #expect(gaussNewton.rows == 3 * 16 + 3)
    #expect(relativeError(gaussNewton, hessian) < 1e-6)
    // Below the classifier it is not, but has no negative eigenvalue.
    let (_, below) = try model("bert", blocks: ["*layer.1*query.lora_B*"])
    let other = try below.gaussNewton(over: computed.texts)
    #expect(relativeError(other, try below.hessian(over: computed.texts)) > 1e-3)
    #expect((0..<other.rows).allSatisfy { other[$0, $0] >= 0 })
  }

  @Test("refuses matrices that cannot be had")
  func refusals() throws {
    let (computed, tokens) = try model("gpt2")
    #expect(throws: TextError.self) { try tokens.gaussNewton(over: computed.texts) }
    #expect(throws: TextError.empty(row: 0)) {
      try tokens.hessian(over: [TokenSequence(tokens: [], goal: .tokens(from: 1))])
    }
    #expect(throws: ModelError.self) { try tokens.trained(on: []) }
  }
}
