import Data
import LinearAlgebra
import Models
import Testing

@Suite("Errors of models")
struct ModelErrorTests {
  @Test("bad networks and adapters are refused")
  func badNetworks() throws {
    #expect(throws: ModelError.badLayerSizes([4])) {
      try MultilayerPerceptron<Float>(sizes: [4], seed: 0)
    }
    #expect(throws: ModelError.badLayerSizes([4, 0, 2])) {
      try MultilayerPerceptron<Float>(sizes: [4, 0, 2], seed: 0)
    }
    for sizes in [[1 << 31, 1 << 31], [4, 1 << 62, 4], [1 << 40, 1]] {
      #expect(throws: ModelError.networkTooLarge(sizes)) {
        try MultilayerPerceptron<Float>(sizes: sizes, seed: 0)
      }
    }
    var model = try MultilayerPerceptron<Float>(sizes: [5, 4, 4], seed: 0)
    #expect(
      throws: ModelError.badSetting(name: "adapter rank", value: 0, allowed: "at least 1")
    ) {
      try model.addAdapters(rank: 0, alpha: 1, seed: 0)
    }
    #expect(throws: ModelError.self) { try model.addAdapters(rank: 1, alpha: 0, seed: 0) }
    var linear = try MultilayerPerceptron<Float>(sizes: [5, 4], seed: 0)
    #expect(throws: ModelError.self) { try linear.addAdapters(rank: 1, alpha: 1, seed: 0) }
    #expect(throws: ModelError.self) {
      try MultilayerPerceptron(
        layers: [LinearLayer(weight: Matrix<Float>.zeros(3, 2), bias: [0])], activation: .relu)
    }
  }

  @Test("data that do not fit a network are refused everywhere")
  func misfits() throws {
    let data = try Examples.data(of: Float.self)
    let model = try MultilayerPerceptron<Float>(sizes: [6, 4, 4], seed: 0)
    let error = ModelError.dataDoNotFit(features: 5, classes: 4, inputs: 6, outputs: 4)
    #expect(throws: error) { try PerExampleGradients(of: model).batch(of: data) }
    #expect(throws: error) { try model.losses(of: data) }
    #expect(throws: error) { try Trainer(model, on: data, settings: TrainingSettings()) }
    let fitting = try Examples.network(.tanh, isAdapted: true, of: Float.self)
    #expect(throws: ModelError.data(.noExamples)) { try fitting.accuracy(on: data.selecting([])) }
    #expect(throws: ModelError.data(.noExamples)) {
      try PerExampleGradients(of: fitting).forEachBatch(of: data.selecting([])) { _, _, _ in }
    }
    #expect(error.description.contains("make the first and last layer sizes 5 and 4"))
  }

  @Test(
    "bad training settings are refused",
    arguments: [
      TrainingSettings(epochs: -1), TrainingSettings(batchSize: 0),
      TrainingSettings(learningRate: 0), TrainingSettings(learningRate: .nan),
      TrainingSettings(weightDecay: -1),
    ])
  func badTraining(settings: TrainingSettings) throws {
    var model = try Examples.network(.tanh, isAdapted: true, of: Float.self)
    let data = try Examples.data(of: Float.self)
    #expect(throws: ModelError.self) { try model.train(on: data, settings: settings) }
  }

  @Test("bad optimiser settings are refused")
  func badOptimizer() {
    #expect(throws: ModelError.self) {
      try AdamW<Double>(AdamW.Settings(firstMomentDecay: 1))
    }
    #expect(throws: ModelError.self) { try AdamW<Double>(AdamW.Settings(epsilon: 0)) }
  }
}
