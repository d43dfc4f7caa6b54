import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

import Transformers

/// A model in training that drops nothing.
private struct Undropped: TrainableModel {
  var base: LanguageModel

  var adapter: Adapter {
    get { base.adapter }
    set { base.adapter = newValue }
  }

  func trainingGradient(
    of texts: [TokenSequence], weights: [Double], dropout: DropoutStream?
  ) throws -> (losses: [Double], gradient: [Matrix<Float>]) {
    try base.trainingGradient(of: texts, weights: weights, dropout: nil)
  }

  func losses(of texts: [TokenSequence]) throws -> [Double] { try base.losses(of: texts) }
  func classes(of texts: [TokenSequence]) throws -> [Int] { try base.classes(of: texts) }
}

/// Held against `scripts/oracles/fine_tuning.py`.
@Suite("Training language models")
struct ModelTrainingTests {
  @Test("Ten steps are those of PyTorch and PEFT", arguments: ["bert", "llama"])
  func steps(family: String) throws {
    let computed = try ComputedModel(family)
    let model = try LanguageModel(computed.checkpoint, adapter: computed.adapter)
    var training = try FineTuning(
      Undropped(base: model), on: computed.texts,
      settings: FineTuningSettings(
        epochs: 10, batchSize: 4, learningRate: 0.02, warmup: 0.3, weightDecay: 0.1,
        largestNorm: 0.5))
    let expected = try SafetensorsFile(
      opening: try fixture("trained").appending(path: "\(family).safetensors"))
    let losses: Matrix<Double> = try expected.matrix("losses")
    let norms: Matrix<Double> = try expected.matrix("norms")
    for step in 0..<10 {
      let taken = try training.takeStep()
      training.endEpoch(heldOut: nil)
      expectClose(taken.loss, losses.elements[step], bound: .relative(1e-4))
      expectClose(taken.gradientNorm, norms.elements[step], bound: .relative(1e-3))
    }
    let adapter = training.model.adapter
    for (block, parameters) in zip(adapter.layout.blocks, adapter.parameters) {
      let trained: Matrix<Double> = try expected.matrix(block.name)
      // Adam divides gradients by their size: where one is near zero, its rounding counts in full. All steps
      // together are 0.1 long.
      expectClose(
        parameters.elements, trained.elements, bound: .absolute(2e-4), "\(block.name)")
    }
  }

  @Test(
    "The library trains in one call, and changes nothing when it cannot",
    arguments: ["bert", "gpt2"])
  func call(family: String) throws {
    let computed = try ComputedModel(family)
    var model = try LanguageModel(computed.checkpoint, adapter: computed.adapter)
    let before = try model.losses(of: computed.texts).reduce(0, +) / 4
    var reports: [FineTuningReport] = []
    let settings = FineTuningSettings(epochs: 12, batchSize: 2, learningRate: 0.02, warmup: 0)
    let epochs = try model.fineTune(
      on: computed.texts, heldOut: computed.texts, settings: settings
    ) { reports.append($0) }
    #expect(epochs.count == 12 && reports.map(\.step) == Array(1...24))
    #expect(reports.allSatisfy { $0.stepCount == 24 && $0.epochCount == 12 })
    #expect(reports.last?.epoch == 12 && reports.first?.epoch == 1)
    let after = try #require(epochs.last?.heldOut)
    #expect(after.loss < 0.7 * before)
    #expect((after.accuracy != nil) == (family == "bert"))
    #expect(abs(try model.losses(of: computed.texts).reduce(0, +) / 4 - after.loss) < 1e-6)
    // The same once more.
    var again = try LanguageModel(computed.checkpoint, adapter: computed.adapter)
    #expect(
      try again.fineTune(on: computed.texts, heldOut: computed.texts, settings: settings) == epochs)
    #expect(again.adapter.parameters == model.adapter.parameters)
    var wrong = computed.texts
    wrong[2].tokens[0] = 40
    #expect(throws: TextError.idOutOfRange(row: 2, kind: "token", id: 40, count: 40)) {
      try model.fineTune(on: wrong, settings: settings)
    }
    #expect(model.adapter.parameters == again.adapter.parameters)
  }
}
