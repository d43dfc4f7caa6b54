public import Data
public import Gradients
public import LinearAlgebra
internal import OrderedCollections
public import TensorFiles

/// A perceptron, and how it is trained: from random weights, or by new adapters on a network that is given.
public struct TrainedPerceptron<Element: Scalar>: NetworkModel {
  private enum Start {
    case random
    case adapters(on: MultilayerPerceptron<Element>, rank: Int, alpha: Double)
  }

  /// The network as it is; before training, with the first weights of seed 0.
  public private(set) var network: MultilayerPerceptron<Element>
  /// How it is trained; the seed is not used.
  public var settings: TrainingSettings
  /// Which of several trainings with one seed this is.
  ///
  /// 2·seed + stage draws the order of examples, or, if nil, the seed itself.
  public var stage: UInt64?
  /// Which hidden units are silent when gradients are taken; none if nil.
  public var dropout: Dropout?
  /// How many layers, counted from the head, have their parameters in the gradients; all if nil.
  public var lastLayers: Int?
  /// What the optimizer knew at the end of the training; nil before.
  public private(set) var optimizerMoments: OptimizerMoments?
  private let start: Start

  /// A network that is trained from random weights.
  ///
  /// - Parameters:
  ///   - sizes: The number of inputs, of each hidden layer's outputs, and of classes; all positive.
  ///   - activation: The function after each hidden layer.
  ///   - settings: How it is trained.
  ///   - stage: See ``stage``.
  /// - Throws: ``ModelError/badLayerSizes(_:)``.
  public init(
    sizes: [Int], activation: Activation = .tanh, settings: TrainingSettings, stage: UInt64? = nil
  ) throws(ModelError) {
    network = try MultilayerPerceptron(sizes: sizes, activation: activation, seed: 0)
    self.settings = settings
    self.stage = stage
    start = .random
  }

  /// A network whose weights are frozen, with new adapters that are trained together with its head.
  ///
  /// - Parameters:
  ///   - base: The network.
  ///   - rank: The rank r, at least 1.
  ///   - alpha: The numerator of the factor α/r; positive.
  ///   - settings: How adapters and head are trained.
  ///   - stage: See ``stage``.
  /// - Throws: As ``MultilayerPerceptron/addAdapters(rank:alpha:seed:)``.
  public init(
    adapting base: MultilayerPerceptron<Element>, rank: Int, alpha: Double,
    settings: TrainingSettings, stage: UInt64? = nil
  ) throws(ModelError) {
    network = base
    try network.addAdapters(rank: rank, alpha: alpha, seed: 0)
    self.settings = settings
    self.stage = stage
    start = .adapters(on: base, rank: rank, alpha: alpha)
  }

  /// None: weight decay is no part of the loss.
  public var penalty: Double { 0 }

  /// Layers or base network, and how they are trained.
  public var recipe: OrderedJSON {
    var recipe: OrderedDictionary<String, OrderedJSON> =
      switch start {
      case .random:
        [
          "model": "perceptron",
          "hidden": .array(network.layers.dropLast().map { .integer($0.outputs) }),
          "activation": .string(network.activation.rawValue),
        ]
      case .adapters(let base, let rank, let alpha):
        [
          "model": "adapters", "base": .string(base.contentHash.description),
          "rank": .integer(rank), "alpha": .number(alpha),
        ]
      }
    recipe["training"] = [
      "epochs": .integer(settings.epochs), "batch": .integer(settings.batchSize),
      "rate": .number(settings.learningRate), "decay": .number(settings.weightDecay),
    ]
    // Only where they differ from what all earlier keys stand for.
    if let stage { recipe["stage"] = .string("\(stage)") }
    if Element.self != Double.self { recipe["precision"] = .string("\(Element.self)") }
    return .object(recipe)
  }

  /// The network of other examples, from new weights.
  ///
  /// - Throws: ``ModelError``.
  public func trained(
    on examples: TabularDataSet<Element>, weights: [Double]?, seed: UInt64,
    progress: ((Double) -> Void)?
  ) throws -> TrainedPerceptron {
    try trained(on: examples, weights: weights, seed: seed) { (epoch, _, _) in
      progress?(Double(epoch) / Double(settings.epochs))
    }
  }

  /// The network of other examples, looked at after each epoch.
  ///
  /// - Parameters:
  ///   - examples: At least one.
  ///   - weights: What each example's gradient is multiplied by; all 1 unless given.
  ///   - seed: Decides the first weights and the order of examples.
  ///   - eachEpoch: Called with the number of the epoch, from 1, its mean loss, and the model after it.
  /// - Throws: ``ModelError``.
  public func trained(
    on examples: TabularDataSet<Element>, weights: [Double]? = nil, seed: UInt64,
    eachEpoch: (_ epoch: Int, _ meanLoss: Double, _ model: TrainedPerceptron) -> Void
  ) throws(ModelError) -> TrainedPerceptron {
    var settings = settings
    settings.seed = stage.map { seed &* 2 &+ $0 } ?? seed
    var trainer = try Trainer(
      firstNetwork(seed: seed), on: examples, settings: settings, weights: weights)
    var result = self
    result.network = trainer.model
    while trainer.epoch < settings.epochs {
      let loss = try trainer.runEpoch()
      result.network = trainer.model
      result.optimizerMoments = trainer.optimizerMoments
      eachEpoch(trainer.epoch, loss, result)
    }
    return result
  }

  /// The same network with other hidden units silent, where there are such.
  public func drawing(_ number: UInt64) -> TrainedPerceptron {
    var result = self
    result.dropout = dropout?.varied(by: number)
    return result
  }

  private func firstNetwork(
    seed: UInt64
  ) throws(ModelError) -> MultilayerPerceptron<Element> {
    switch start {
    case .random:
      return try MultilayerPerceptron(
        sizes: [network.inputs] + network.layers.map(\.outputs), activation: network.activation,
        seed: seed)
    case .adapters(var network, let rank, let alpha):
      try network.addAdapters(rank: rank, alpha: alpha, seed: seed)
      return network
    }
  }
}

extension MultilayerPerceptron {
  /// Of every weight, trained or frozen.
  fileprivate var contentHash: ContentHash {
    var hash = ContentHash(of: activation.rawValue)
    func update(_ numbers: [Element]) { hash.update(numbers.map { Double($0) }) }
    for layer in layers {
      hash.update([layer.outputs, layer.inputs])
      update(layer.weight.elements)
      update(layer.bias)
      guard let adapter = layer.adapter else { continue }
      hash.update([adapter.rank])
      hash.update([adapter.alpha])
      update(adapter.down.elements + adapter.up.elements)
    }
    return hash
  }
}
