import Algorithms
public import Data
package import Gradients
public import LinearAlgebra

/// Trains a network epoch by epoch, so that a caller can look at it, or keep it, in between.
///
/// Mini-batch AdamW on the mean loss of each batch; every epoch is a new random order of all
/// examples. Deterministic: the same network, data and settings give the same weights to the last
/// bit, whatever the number of threads.
public struct Trainer<Element: Scalar>: Sendable {
  /// The network as it is after the epochs so far.
  public private(set) var model: MultilayerPerceptron<Element>
  /// How it is trained.
  public let settings: TrainingSettings
  /// The number of epochs run.
  public private(set) var epoch = 0
  private let data: TabularDataSet<Element>
  private let weights: [Double]?
  private var optimizer: AdamW<Element>
  private var generator: SeededGenerator

  /// Prepares training; the first epoch is still to run.
  ///
  /// - Parameters:
  ///   - model: Where to begin.
  ///   - data: At least one example.
  ///   - settings: Epochs, batch size, learning rate, weight decay, seed.
  ///   - weights: What each example's gradient is multiplied by in the mean over its batch, none
  ///     negative; all 1 unless given. An example of weight 0 is in the order of examples all the same.
  /// - Throws: ``ModelError`` if a setting is out of range, or the data do not fit.
  public init(
    _ model: MultilayerPerceptron<Element>, on data: TabularDataSet<Element>,
    settings: TrainingSettings, weights: [Double]? = nil
  ) throws(ModelError) {
    try ModelError.check(settings.epochs >= 0, "epoch count", settings.epochs, "at least 0")
    try ModelError.check(settings.batchSize >= 1, "batch size", settings.batchSize, "at least 1")
    try model.checkFit(data)
    try ExampleWeights.check(weights, count: data.count)
    self.model = model
    self.data = data
    self.weights = weights
    self.settings = settings
    optimizer = try AdamW(
      AdamW.Settings(learningRate: settings.learningRate, weightDecay: settings.weightDecay))
    generator = SeededGenerator(seed: settings.seed, stream: RandomStream.batches)
  }

  /// What the optimizer knows of each trained parameter; nil before the first step.
  package var optimizerMoments: OptimizerMoments? {
    optimizer.moments(
      of: model.layout, learningRateSum: settings.learningRate * Double(optimizer.stepCount))
  }

  /// Runs one more epoch.
  ///
  /// - Returns: The mean loss of all examples in nats, each taken just before its own step.
  /// - Throws: ``ModelError/diverged(epoch:)`` if that is not finite.
  /// - Complexity: about 6 operations for each example and weight.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  @discardableResult
  public mutating func runEpoch() throws(ModelError) -> Double {
    let order = generator.permutation(data.count)
    var totalLoss = 0.0
    var parameters = model.trainableValues
    for rows in order.chunks(ofCount: settings.batchSize).map(Array.init) {
      let batch = data.selecting(rows)
      let pass = model.forwardAndBack(
        batch.features, labels: batch.labels[...],
        weights: weights.map { weights in rows.map { weights[$0] } })
      let share = 1 / Element(batch.count)
      let gradients = model.gradientSums(of: pass).map { sums in sums.map { $0 * share } }
      totalLoss += pass.losses.reduce(0, +)
      optimizer.step(&parameters, gradients: gradients)
      model.trainableValues = parameters
    }
    epoch += 1
    let meanLoss = totalLoss / Double(data.count)
    guard meanLoss.isFinite else { throw .diverged(epoch: epoch) }
    return meanLoss
  }
}

extension MultilayerPerceptron {
  /// Trains the network.
  ///
  /// - Parameters:
  ///   - data: At least one example.
  ///   - settings: Epochs, batch size, learning rate, weight decay, seed.
  ///   - weights: What each example's gradient is multiplied by; all 1 unless given.
  ///   - progress: Called after each epoch with its number, from 1, and its mean loss.
  /// - Throws: ``ModelError`` if a setting is out of range, the data do not fit or the loss
  ///   diverges; the network is then as it was.
  public mutating func train(
    on data: TabularDataSet<Element>, settings: TrainingSettings, weights: [Double]? = nil,
    progress: (_ epoch: Int, _ meanLoss: Double) -> Void = { _, _ in }
  ) throws(ModelError) {
    var trainer = try Trainer(self, on: data, settings: settings, weights: weights)
    while trainer.epoch < settings.epochs {
      let loss = try trainer.runEpoch()
      progress(trainer.epoch, loss)
    }
    self = trainer.model
  }
}
