import Data
import Foundation
import LinearAlgebra
import Models
import Testing

@Suite("Softmax cross-entropy")
struct SoftmaxTests {
  /// A network that passes its inputs on as logits.
  private func identity(_ classes: Int) throws -> MultilayerPerceptron<Double> {
    try MultilayerPerceptron(
      layers: [
        LinearLayer(weight: .identity(classes), bias: Array(repeating: 0, count: classes))
      ], activation: .tanh)
  }

  @Test("logits of ±10⁴ give exact losses and finite gradients")
  func largeLogits() throws {
    let logits = Matrix<Double>(
      rows: 4, columns: 3,
      elements: [1e4, -1e4, 0, 1e4, -1e4, 0, -1e4, -1e4, -1e4, 1e4, 1e4, -1e4])
    let data = try TabularDataSet(features: logits, labels: [0, 1, 2, 0], classCount: 3)
    let batch = try PerExampleGradients(of: try identity(3)).batch(of: data)
    let expected: [Double] = [0, 2e4, log(3), log(2)]
    for (loss, value) in zip(batch.losses, expected) {
      #expect(abs(loss - value) <= 4 * value.ulp)
    }
    #expect(batch.blocks.allSatisfy { $0.elements.allSatisfy(\.isFinite) })
    #expect(Array(batch.blocks[1][row: 1]) == [1, -1, 0])
  }

  @Test("a well fitted example keeps the digits of its small loss and gradient")
  func smallLoss() throws {
    let data = try TabularDataSet(
      features: Matrix<Double>(rows: 1, columns: 2, elements: [50, 0]), labels: [0], classCount: 2)
    let batch = try PerExampleGradients(of: try identity(2)).batch(of: data)
    let tiny: Double = exp(-50)
    #expect(abs(batch.losses[0] - tiny) < 1e-14 * tiny)
    #expect(abs(batch.blocks[1][0, 0] + tiny) < 1e-14 * tiny)
  }

  @Test("gradients by the logits add up to nothing")
  func gradientSumsToZero() throws {
    var generator = SeededGenerator(seed: 1)
    let data = try TabularDataSet(
      features: Matrix<Double>.normal(20, 5, deviation: 10, using: &generator),
      labels: (0..<20).map { $0 % 5 }, classCount: 5)
    let delta = try PerExampleGradients(of: try identity(5)).batch(of: data).blocks[1]
    for row in 0..<20 {
      #expect(abs(delta[row: row].reduce(0, +)) <= 5 * Double.ulpOfOne)
    }
  }
}
