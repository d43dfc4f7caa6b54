import Data
import LinearAlgebra
import TestSupport
import Testing

import Models

@Suite("Example weights")
struct ExampleWeightTests {
  @Test("Newton's minimum with weights is that with repeated rows, from any start")
  func repeatedRows() throws {
    let digits = try Digits.dataSet(of: Double.self).split(counts: [60, 30], seed: 4)
    let settings = NewtonSettings(regularization: 0.02)
    let rows = Array(0..<60)
    let weights = rows.map { Double($0 % 4) }
    let repeated = digits[0].selecting(
      rows.flatMap { Array(repeating: $0, count: $0 % 4) })
    let model = try SoftmaxRegression(trainedOn: digits[0], settings: settings)
    let weighted = try model.retrained(
      on: digits[0], weights: weights, settings: settings,
      factor: try Cholesky(factoring: model.hessian()))
    let expected = try SoftmaxRegression(trainedOn: repeated, settings: settings)
    // ‖∇‖ ≤ 1e-10 with a Hessian of at least 0.02 on both sides.
    for (found, known) in zip(weighted.model.trainableValues, expected.model.trainableValues) {
      expectClose(found, known, bound: .absolute(1e-8))
    }
    #expect(weighted.gradientNorm <= settings.tolerance)
  }

  @Test(
    "A trainer's weights scale gradients: all 0 but one leave the batch of that one, shared by all")
  func trainer() throws {
    let data = try Digits.dataSet(of: Double.self).split(counts: [8, 30], seed: 4)[0]
    let settings = TrainingSettings(epochs: 1, batchSize: 8, learningRate: 0.01, weightDecay: 0)
    let start = try MultilayerPerceptron<Double>(sizes: [64, 4, 10], seed: 1)
    // AdamW's first step is of the gradient's sign: scaled gradients make the same step, up to its ε.
    var one = start
    try one.train(on: data.selecting([3]), settings: settings)
    var weighted = start
    try weighted.train(on: data, settings: settings, weights: [0, 0, 0, 8, 0, 0, 0, 0])
    for (found, known) in zip(weighted.trainableValues, one.trainableValues) {
      expectClose(found, known, bound: .absolute(1e-12))
    }
    var plain = start
    try plain.train(on: data, settings: settings)
    #expect(plain != weighted)
  }

  @Test("Weights that make no loss are refused")
  func errors() throws {
    let data = try Digits.dataSet(of: Double.self).split(counts: [2, 30], seed: 4)[0]
    var network = try MultilayerPerceptron<Double>(sizes: [64, 10], seed: 1)
    for weights in [[1.0, -0.5], [0, 0], [.infinity, 1]] {
      #expect(throws: ModelError.self) {
        try network.train(on: data, settings: TrainingSettings(epochs: 1), weights: weights)
      }
    }
  }
}
