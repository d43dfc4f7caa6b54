internal import InfluenceKit

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
      Setting.count("model.epochs", defaults.epochs, help: "passes over the training examples"),
      Setting.count("model.batch", 32, help: "examples of one step"),
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
          Setting.count("model.rank", defaults.rank, help: "rank of the LoRA adapters"))
      }
      settings.append(
        Setting.count(
          "model.base-epochs", defaults.baseEpochs,
          help: "passes of the base model over its own examples"))
    }
    return settings
  }

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

  var hidden: [Int]
  let activation: Activation
  var training: TrainingSettings
  let baseEpochs: Int
  /// The rank of the adapters; 0 for none.
  var rank: Int
  /// How many layers, counted from the head, have their parameters in the gradients; all if nil.
  var lastLayers: Int?

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

  /// The model before it is trained, with random weights.
  ///
  /// - Parameters:
  ///   - data: Examples that fit the model.
  ///   - stage: Which of the trainings with one seed is meant: 0 for a base model, 1 for the model itself.
  func model(
    for data: TabularDataSet<Double>, stage: UInt64? = 1
  ) throws -> TrainedPerceptron<Double> {
    var model = try TrainedPerceptron<Double>(
      sizes: [data.features.columns] + hidden + [data.classCount], activation: activation,
      settings: training, stage: stage)
    model.lastLayers = lastLayers
    return model
  }

  /// Trains the model on the training examples of one seed; with adapters, on top of a base model.
  func trained(
    on parts: ExampleParts<TabularDataSet<Double>>, seed: UInt64, progress: ProgressHandler? = nil
  ) throws -> TrainedPerceptron<Double> {
    var model = try model(for: parts.training)
    if rank > 0, let base = parts.base {
      var first = try self.model(for: base, stage: 0)
      first.settings.epochs = baseEpochs
      first = try first.trained(on: base, weights: nil, seed: seed) { progress?("base model", $0) }
      model = try TrainedPerceptron(
        adapting: first.network, rank: rank, alpha: Double(2 * rank), settings: training, stage: 1)
      model.lastLayers = lastLayers
    }
    return try model.trained(on: parts.training, weights: nil, seed: seed) {
      progress?("training", $0)
    }
  }

  /// Trains a model of the same shape anew, on other examples: what retraining means.
  func trained(
    on data: TabularDataSet<Double>, seed: UInt64
  ) throws -> TrainedPerceptron<Double> { try model(for: data).trained(on: data, seed: seed) }

  /// The test accuracies after training anew on some training rows alone, each the mean over trainings with some seeds.
  func accuracies(
    of choices: [[Int]], from parts: ExampleParts<TabularDataSet<Double>>, seeds: [UInt64]
  ) throws -> [Double] {
    let values = try Parallelism.map(choices.count * seeds.count) { index in
      try trained(
        on: parts.training.selecting(choices[index / seeds.count]),
        seed: seeds[index % seeds.count]
      ).network.accuracy(on: parts.test)
    }
    return choices.indices.map {
      values[$0 * seeds.count..<($0 + 1) * seeds.count].reduce(0, +) / Double(seeds.count)
    }
  }
}
