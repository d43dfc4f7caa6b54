internal import Data
internal import Gradients
public import LinearAlgebra
public import Models
internal import OrderedCollections
internal import TensorFiles

/// How a model is made of examples, so that it can be made again of others.
public enum TrainingRecipe: Sendable {
  /// What the penalty of a convex model is held against when examples are taken away.
  public enum LossScale: String, Sendable, Hashable, CaseIterable {
    /// The mean loss of the examples that are left: training anew, as one would.
    case kept
    /// Their summed loss over the number of all examples: what is taken away is only its own term, which
    /// is the change that influence predicts, and that of ``LeaveOneOut``.
    case all
  }

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

  /// Whether training again with another seed can give another model.
  public var dependsOnSeed: Bool {
    switch self {
    case .logistic, .softmax: false
    case .perceptron, .adapters: true
    }
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
