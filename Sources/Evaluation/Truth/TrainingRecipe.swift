internal import Data
internal import Gradients
public import LinearAlgebra
public import Models
internal import OrderedCollections
internal import TensorFiles

/// How a model is made of examples, so that it can be made again of others.
public enum TrainingRecipe: Sendable {
  /// Logistic regression of two classes, to its minimum; a seed changes nothing.
  case logistic(NewtonSettings, scale: LossScale = .kept)
  /// Softmax regression, to its minimum; a seed changes nothing.
  case softmax(NewtonSettings, scale: LossScale = .kept)
  /// A perceptron from random weights; the seed decides them and the order of examples, in place of that
  /// of the settings.
  case perceptron(hiddenSizes: [Int], activation: Activation, settings: TrainingSettings)
  /// New low-rank adapters on a base network, and its head; the seed decides their weights and the order
  /// of examples, in place of that of the settings.
  case adapters(
    base: MultilayerPerceptron<Double>, rank: Int, alpha: Double, settings: TrainingSettings)

  /// What the penalty of a convex model is held against when examples are taken away.
  public typealias LossScale = Models.LossScale

  /// Whether training again with another seed can give another model.
  public var dependsOnSeed: Bool {
    switch self {
    case .logistic, .softmax: false
    case .perceptron, .adapters: true
    }
  }

  /// The model that others are trained from: a convex one at the minimum of all examples, with the factor of
  /// its Hessian, and a network before training.
  func model(of data: TabularDataSet<Double>) throws -> any Classifier<Double> {
    switch self {
    case .logistic(let settings, let scale):
      return try Self.start(LogisticRegression(trainedOn: data, settings: settings), scale)
    case .softmax(let settings, let scale):
      return try Self.start(SoftmaxRegression(trainedOn: data, settings: settings), scale)
    case .perceptron(let sizes, let activation, let settings):
      return try TrainedPerceptron(
        sizes: [data.features.columns] + sizes + [data.classCount], activation: activation,
        settings: settings)
    case .adapters(let base, let rank, let alpha, let settings):
      return try TrainedPerceptron(adapting: base, rank: rank, alpha: alpha, settings: settings)
    }
  }

  private static func start<Model: ConvexClassifier>(
    _ model: Model, _ scale: LossScale
  ) throws -> Model {
    var model = try model.keepingFactor()
    model.lossScale = scale
    return model
  }

  /// All that the trained model depends on, but for data and seed.
  var key: OrderedJSON {
    switch self {
    case .logistic(let settings, let scale): Self.key("logistic", settings, scale)
    case .softmax(let settings, let scale): Self.key("softmax", settings, scale)
    case .perceptron(let sizes, let activation, let settings):
      [
        "model": "perceptron", "hidden": .array(sizes.map { .integer($0) }),
        "activation": .string(activation.rawValue), "training": Self.key(settings),
      ]
    case .adapters(let base, let rank, let alpha, let settings):
      [
        "model": "adapters", "base": .string(Self.hash(of: base).description),
        "rank": .integer(rank), "alpha": .number(alpha), "training": Self.key(settings),
      ]
    }
  }

  private static func key(
    _ model: String, _ settings: NewtonSettings, _ scale: LossScale
  ) -> OrderedJSON {
    [
      "model": .string(model), "regularization": .number(settings.regularization),
      "tolerance": .number(settings.tolerance), "steps": .integer(settings.maximumSteps),
      "scale": .string(scale.rawValue),
    ]
  }

  private static func key(_ settings: TrainingSettings) -> OrderedJSON {
    [
      "epochs": .integer(settings.epochs), "batch": .integer(settings.batchSize),
      "rate": .number(settings.learningRate), "decay": .number(settings.weightDecay),
    ]
  }

  /// Of every weight, trained or frozen.
  private static func hash(of network: MultilayerPerceptron<Double>) -> ContentHash {
    var hash = ContentHash(of: network.activation.rawValue)
    for layer in network.layers {
      hash.update([layer.outputs, layer.inputs])
      hash.update(layer.weight.elements)
      hash.update(layer.bias)
      guard let adapter = layer.adapter else { continue }
      hash.update([adapter.rank])
      hash.update([adapter.alpha] + adapter.down.elements + adapter.up.elements)
    }
    return hash
  }
}
