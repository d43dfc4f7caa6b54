import Data
import Foundation
import Gradients
import LinearAlgebra
import Models
import TensorFiles
import Testing

/// Against PyTorch in float64; scripts/oracles/mlp_gradients.py writes the fixtures.
@Suite("PyTorch's numbers")
struct PyTorchTests {
  private struct Network: Decodable {
    let layerSizes: [Int]
    let classes: Int
    let alpha: Double
    let labels: [Int]
  }

  private struct OptimizerCases: Decodable {
    struct Case: Decodable {
      struct Settings: Decodable {
        let lr: Double
        let betas: [Double]
        let eps: Double
        let weightDecay: Double
      }
      let settings: Settings
      let initial: [Double]
      let gradients: [[Double]]
      let parametersAfterStep: [[Double]]
    }
    let cases: [Case]
  }

  private func url(_ name: String) throws -> URL {
    try #require(
      Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Fixtures"))
  }

  private func decode<Value: Decodable>(_: Value.Type, from name: String) throws -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Value.self, from: Data(contentsOf: url(name)))
  }

  @Test(
    "per-example gradients, losses and logits are those of autograd",
    arguments: Activation.allCases, [true, false])
  func gradients(activation: Activation, isAdapted: Bool) throws {
    let network = try decode(Network.self, from: "mlp.json")
    let file = try SafetensorsFile(opening: url("mlp.safetensors"))
    let expected = try SafetensorsFile(
      opening: url("mlp_\(activation.rawValue)_expected.safetensors"))
    let model = try self.model(network, file, activation, isAdapted: isAdapted)
    let data = try TabularDataSet<Double>(
      features: file.matrix("inputs"), labels: network.labels, classCount: network.classes)
    let gradients = PerExampleGradients(of: model)
    let batch = try gradients.batch(of: data)

    // Three layers of at most 12 inputs, in another order of summation.
    let bound = 200 * Double.ulpOfOne
    let losses: Matrix<Double> = try expected.matrix("losses")
    #expect(Examples.relativeError(batch.losses, losses.elements) < bound)
    let logits: Matrix<Double> = try expected.matrix("logits")
    #expect(
      Examples.relativeError(model.logits(of: data.features.view).elements, logits.elements)
        < bound)
    for (block, matrix) in zip(gradients.layout.blocks, batch.blocks) {
      let name = block.name.contains("lora") ? block.name + ".weight" : block.name
      let reference: Matrix<Double> = try expected.matrix("gradient.\(name)")
      #expect(Examples.relativeError(matrix.elements, reference.elements) < bound)
    }
  }

  /// The fixture's network; without adapters, their product is part of the weights, so that the
  /// network is the same function and gradients by the weights are too.
  private func model(
    _ network: Network, _ file: SafetensorsFile, _ activation: Activation, isAdapted: Bool
  ) throws -> MultilayerPerceptron<Double> {
    var layers = try network.layerSizes.indices.dropLast().map { index in
      let name = "layers.\(index)"
      var weight: Matrix<Double> = try file.matrix("\(name).weight")
      let bias: Matrix<Double> = try file.matrix("\(name).bias")
      let adapter = LowRankAdapter<Double>(
        down: try file.matrix("\(name).lora_A.weight"),
        up: try file.matrix("\(name).lora_B.weight"), alpha: network.alpha)
      if !isAdapted {
        weight.add(product: adapter.up.view, adapter.down.view, scale: adapter.scale)
      }
      return LinearLayer(
        weight: weight, bias: bias.elements, adapter: isAdapted ? adapter : nil)
    }
    let headBias: Matrix<Double> = try file.matrix("head.bias")
    layers.append(
      LinearLayer(weight: try file.matrix("head.weight"), bias: headBias.elements))
    return try MultilayerPerceptron(layers: layers, activation: activation)
  }

  @Test("AdamW takes the steps of torch.optim.AdamW")
  func optimizer() throws {
    for example in try decode(OptimizerCases.self, from: "adamw.json").cases {
      let settings = example.settings
      var optimizer = try AdamW<Double>(
        AdamW.Settings(
          learningRate: settings.lr, weightDecay: settings.weightDecay,
          firstMomentDecay: settings.betas[0], secondMomentDecay: settings.betas[1],
          epsilon: settings.eps))
      var values = [example.initial]
      for (gradient, expected) in zip(example.gradients, example.parametersAfterStep) {
        optimizer.step(&values, gradients: [gradient])
        #expect(Examples.relativeError(values[0], expected) < 20 * Double.ulpOfOne)
      }
      #expect(optimizer.stepCount == 5)
    }
  }
}
