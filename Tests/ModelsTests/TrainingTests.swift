import Data
import LinearAlgebra
import Models
import Testing

@Suite("Training")
struct TrainingTests {
  @Test("the same seed gives the same bits, another seed other weights")
  func isDeterministic() throws {
    func trained<Element: Scalar>(
      seed: UInt64, isAdapted: Bool, _: Element.Type
    ) throws -> MultilayerPerceptron<Element> {
      var model = try Examples.network(.tanh, isAdapted: isAdapted, of: Element.self)
      try model.train(
        on: try Examples.data(count: 50),
        settings: TrainingSettings(epochs: 4, batchSize: 8, seed: seed))
      return model
    }
    for isAdapted in [true, false] {
      let once = try trained(seed: 1, isAdapted: isAdapted, Float.self)
      #expect(try trained(seed: 1, isAdapted: isAdapted, Float.self) == once)
      #expect(try trained(seed: 2, isAdapted: isAdapted, Float.self) != once)
      let double = try trained(seed: 1, isAdapted: isAdapted, Double.self)
      #expect(try trained(seed: 1, isAdapted: isAdapted, Double.self) == double)
    }
  }

  @Test("only what the layout names is changed")
  func freezesTheRest() throws {
    let before = try Examples.network(.relu, isAdapted: true, of: Double.self)
    var after = before
    try after.train(on: try Examples.data(), settings: TrainingSettings(epochs: 1, batchSize: 4))
    for (old, new) in zip(before.layers, after.layers).dropLast() {
      #expect(old.weight == new.weight && old.bias == new.bias)
      #expect(old.adapter?.down != new.adapter?.down && old.adapter?.up != new.adapter?.up)
    }
    #expect(before.layers.last?.weight != after.layers.last?.weight)
    #expect(before.layers.last?.bias != after.layers.last?.bias)
  }

  @Test("new adapters change no output")
  func adaptersStartAtNothing() throws {
    let data = try Examples.data(of: Double.self)
    var model = try MultilayerPerceptron<Double>(sizes: [5, 9, 4], seed: 1)
    let before = model.logits(of: data.features.view)
    try model.addAdapters(rank: 2, alpha: 4, seed: 2)
    #expect(model.logits(of: data.features.view) == before)
  }

  @Test("one epoch of one batch is one AdamW step on the mean gradient")
  func epochIsSteps() throws {
    let data = try Examples.data(of: Double.self)
    let start = try Examples.network(.tanh, isAdapted: true, of: Double.self)
    var trainer = try Trainer(
      start, on: data,
      settings: TrainingSettings(epochs: 1, batchSize: 100, learningRate: 0.01, weightDecay: 0.1))
    let loss = try trainer.runEpoch()
    #expect(abs(loss - (try start.losses(of: data).reduce(0, +)) / Double(data.count)) < 1e-13)

    var optimizer = try AdamW<Double>(AdamW.Settings(learningRate: 0.01, weightDecay: 0.1))
    var values = start.trainableValues
    let gradient = try start.totalGradient(over: data).gradient
    optimizer.step(
      &values, gradients: gradient.map { sums in sums.map { $0 / Double(data.count) } })
    for (trained, value) in zip(trainer.model.trainableValues, values) {
      // The first step moves by the gradient's sign, so near-zero gradients decide the error.
      #expect(Examples.relativeError(trained, value) < 1e-8)
    }
  }

  @Test("the first AdamW step is the learning rate against the sign, after decay")
  func firstStep() throws {
    var optimizer = try AdamW<Double>(
      AdamW.Settings(learningRate: 0.1, weightDecay: 0.5, epsilon: 1e-12))
    var values: [[Double]] = [[2, -3], [0]]
    optimizer.step(&values, gradients: [[5, -1e-3], [0]])
    #expect(abs(values[0][0] - (2 * 0.95 - 0.1)) < 1e-9)
    #expect(abs(values[0][1] - (-3 * 0.95 + 0.1)) < 1e-9)
    #expect(values[1] == [0])
    #expect(optimizer.stepCount == 1)
  }

  @Test("a diverging training is an error, not a network of NaN")
  func divergence() throws {
    var model = try Examples.network(.relu, isAdapted: false, of: Float.self)
    let before = model
    #expect(throws: ModelError.self) {
      try model.train(
        on: try Examples.data(),
        settings: TrainingSettings(epochs: 20, batchSize: 4, learningRate: 1e30))
    }
    #expect(model == before)
  }
}
