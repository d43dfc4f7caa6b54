internal import Data
internal import Gradients
internal import Influence
internal import LinearAlgebra
internal import Models
internal import TensorFiles

/// The network of an experiment, as its file describes it: its layers, its adapters, how it is trained.
struct NetworkTask: Sendable {
  /// What an experiment takes unless its file says otherwise.
  struct Defaults {
    var hidden: [Int]
    var epochs: Int
    var learningRate = 2e-3
    var weightDecay = 0.01
    /// 0 for no adapters.
    var rank = 0
    var baseEpochs = 10
  }

  /// The settings under `model`; those of adapters only where there are some.
  static func settings(_ defaults: Defaults, includesRank: Bool = true) -> [Setting] {
    var settings = [
      Setting(
        "model.hidden", .integers(.counting, mayBeEmpty: true),
        standard: .array(defaults.hidden.map { .integer($0) }), help: "units of each hidden layer"),
      Setting(
        "model.activation", .choice(of: Activation.self), standard: "tanh",
        help: "what hidden units do"),
      Setting(
        "model.epochs", .integer(.counting), standard: .integer(defaults.epochs),
        help: "passes over the training examples"),
      Setting("model.batch", .integer(.counting), standard: 32, help: "examples of one step"),
      Setting(
        "model.learning-rate", .number(.positive), standard: .number(defaults.learningRate),
        help: "learning rate of AdamW"),
      Setting(
        "model.weight-decay", .number(0...1), standard: .number(defaults.weightDecay),
        help: "decoupled weight decay of AdamW"),
    ]
    if defaults.rank > 0 {
      if includesRank {
        settings.append(
          Setting(
            "model.rank", .integer(.counting), standard: .integer(defaults.rank),
            help: "rank of the LoRA adapters"))
      }
      settings.append(
        Setting(
          "model.base-epochs", .integer(.counting), standard: .integer(defaults.baseEpochs),
          help: "passes of the base model over its own examples"))
    }
    return settings
  }

  /// What a file says under `model`.
  private struct Options: Decodable {
    let hidden: [Int]?
    let activation: Activation
    let epochs: Int
    let batch: Int
    let learningRate: Double
    let weightDecay: Double?
    let rank: Int?
    let baseEpochs: Int?
  }

  /// The units of each hidden layer.
  var hidden: [Int]
  let activation: Activation
  var training: TrainingSettings
  let baseEpochs: Int
  /// The rank of the adapters; 0 for none.
  var rank: Int

  init(_ settings: Settings) {
    let options: Options = settings.values(below: "model")
    hidden = options.hidden ?? []
    activation = options.activation
    training = TrainingSettings(
      epochs: options.epochs, batchSize: options.batch, learningRate: options.learningRate,
      weightDecay: options.weightDecay ?? 0)
    rank = options.rank ?? 0
    baseEpochs = options.baseEpochs ?? 0
  }

  /// The network before any training.
  func untrained(
    for data: TabularDataSet<Double>, seed: UInt64
  ) throws -> MultilayerPerceptron<Double> {
    try MultilayerPerceptron(
      sizes: [data.features.columns] + hidden + [data.classCount], activation: activation,
      seed: seed)
  }

  /// Trains the network on the training examples of one seed; with adapters, on top of a base model.
  func trained(
    on parts: ExampleParts<TabularDataSet<Double>>, seed: UInt64, progress: ProgressHandler? = nil
  ) throws -> MultilayerPerceptron<Double> {
    let data = parts.training
    var model = try untrained(for: data, seed: seed)
    if rank > 0, let base = parts.base {
      try train(
        &model, on: base, epochs: baseEpochs, seed: seed &* 2, "base model", progress)
      try model.addAdapters(rank: rank, alpha: Double(2 * rank), seed: seed)
    }
    try train(&model, on: data, epochs: training.epochs, seed: seed &* 2 &+ 1, "training", progress)
    return model
  }

  /// Trains a network of the same shape anew, on other examples: what retraining means.
  func trained(
    on data: TabularDataSet<Double>, seed: UInt64
  ) throws -> MultilayerPerceptron<Double> {
    var model = try untrained(for: data, seed: seed)
    try train(&model, on: data, epochs: training.epochs, seed: seed &* 2 &+ 1, "training", nil)
    return model
  }

  private func train(
    _ model: inout MultilayerPerceptron<Double>, on data: TabularDataSet<Double>, epochs: Int,
    seed: UInt64, _ stage: String, _ progress: ProgressHandler?
  ) throws {
    var settings = training
    settings.epochs = epochs
    settings.seed = seed
    try model.train(on: data, settings: settings) { epoch, _ in
      progress?(stage, Double(epoch) / Double(epochs))
    }
  }
}
