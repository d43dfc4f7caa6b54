internal import InfluenceKit

/// The network of an experiment, as its file describes it: its layers, its adapters, how it is trained.
extension PerceptronPlan {
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

  init(_ settings: Settings) {
    let options: Options = settings.values(below: "model")
    self.init()
    hiddenSizes = options.hidden ?? []
    activation = options.activation
    training = TrainingSettings(
      epochs: options.epochs, batchSize: options.batch, learningRate: options.learningRate,
      weightDecay: options.weightDecay ?? 0)
    rank = options.rank ?? 0
    baseEpochs = options.baseEpochs ?? 0
  }

  /// The setting of ``lastLayers``.
  static let layersSetting = Setting(
    "model.gradient-layers", .integer(0...Setting.mostCounted), standard: 0,
    help: "how many layers, from the head, have gradients; 0 for all")

  /// Takes ``lastLayers`` from ``layersSetting``.
  ///
  /// - Throws: ``ExperimentError`` where a method needs all layers.
  init(_ settings: Settings, methods: [String]) throws {
    self.init(settings)
    let count = settings.integer("model.gradient-layers")
    guard count > 0 else { return }
    if let whole = try Self.firstOfAllLayers(methods) {
      throw settings.invalid(
        "model.gradient-layers",
        "\(whole) needs the gradients of all layers; give 0, or leave it out")
    }
    lastLayers = count
  }

  /// The first method that needs second derivatives, and so the gradients of all layers.
  static func firstOfAllLayers(_ methods: [String]) throws -> String? {
    try methods.first { method in
      try !EstimatorCatalog.estimator(method).inputs.isDisjoint(
        with: StoredCurvature.SecondDerivative.allCases.map(Need.secondDerivative))
    }
  }
}
