import Data
import Foundation
import Gradients
import LinearAlgebra
import Models
import TensorFiles
import TestSupport
import Testing

/// All that influence needs of a network, against autograd in float64; scripts/oracles/perceptron.py
/// writes the fixture.
@Suite("A perceptron's derivatives against PyTorch")
struct PerceptronOracleTests {
  private struct Facts: Decodable {
    let parameters: [String]
    let labels: [Int]
    let classCount: Int
  }

  private let file: SafetensorsFile
  private let model: MultilayerPerceptron<Double>
  private let data: TabularDataSet<Double>

  init() throws {
    func url(_ name: String) throws -> URL {
      try #require(
        Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Fixtures"))
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let facts = try decoder.decode(
      Facts.self, from: Data(contentsOf: url("perceptron.json")))
    let file = try SafetensorsFile(opening: url("perceptron.safetensors"))
    func array(_ name: String) throws -> Matrix<Double> { try file.matrix(name) }
    model = try MultilayerPerceptron(
      layers: ["layers.0", "head"].map { name in
        LinearLayer(
          weight: try array("\(name).weight"), bias: try array("\(name).bias").elements)
      }, activation: .tanh)
    data = try TabularDataSet(
      features: array("inputs"), labels: facts.labels, classCount: facts.classCount)
    self.file = file
    #expect(model.layout.blocks.map(\.name) == facts.parameters)
  }

  private func array(_ name: String) throws -> Matrix<Double> { try file.matrix(name) }

  /// Two layers of sums of at most six terms there, and as many back.
  private let passes = Bound.backward(order: 20)

  @Test("Losses, probabilities and per-example gradients", arguments: GradientTarget.allCases)
  func gradients(target: GradientTarget) throws {
    let gradients = PerExampleGradients(of: model, target: target)
    let batch = try gradients.batch(of: data)
    let prefix = target == .loss ? "gradient" : "margin_gradient"
    for (block, matrix) in zip(gradients.layout.blocks, batch.blocks) {
      expectClose(
        matrix, try array("\(prefix).\(block.name)"), bound: passes, "\(block.name)")
    }
    expectClose(batch.losses, try array("losses").elements, bound: passes)
    expectClose(
      try model.labelProbabilities(of: data), try array("probabilities").elements,
      bound: passes)
  }

  /// Means over 30 examples of products of passes.
  private let means = Bound.backward(order: 60)

  @Test("The Hessian and the Gauss–Newton matrix of the mean loss")
  func secondDerivatives() throws {
    expectClose(try model.hessian(over: data), try array("hessian"), bound: means)
    expectClose(try model.gaussNewton(over: data), try array("ggn"), bound: means)
  }

  @Test("Kronecker factors with the labels of the data")
  func kroneckerFactors() throws {
    for (block, factors) in try model.kroneckerFactors(over: data) {
      expectClose(
        factors.activations, try array("\(block).activations"), bound: means, "\(block)")
      expectClose(
        factors.outputGradients, try array("\(block).output_gradients"), bound: means,
        "\(block)")
    }
  }
}
