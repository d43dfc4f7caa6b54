public import Data
public import LinearAlgebra

/// How a perceptron is made of the examples of one seed: trained from random weights, or by low-rank adapters.
///
/// With adapters, a base network is first trained on the base examples; it plays the part of a pre-trained model. Its
/// weights are then frozen, and adapters and head are trained on the training examples. The standard values do so in
/// seconds on digits (`MislabelledExamples`).
public struct PerceptronPlan: Sendable, Hashable, Codable {
  /// The outputs of each hidden layer.
  public var hiddenSizes = [128, 64]
  /// The function after each hidden layer.
  public var activation = Activation.tanh
  /// How the network, or adapters and head, are trained; the seed is not used.
  public var training = TrainingSettings(epochs: 20, learningRate: 2e-3)
  /// The adapters' rank r, of which their α is twice; 0 for none.
  public var rank = 4
  /// The epochs of the base network's training, which is otherwise the same.
  public var baseEpochs = 10
  /// How many layers, counted from the head, have their parameters in the gradients; all if nil.
  public var lastLayers: Int?

  /// Makes a plan of the standard values.
  public init() {}

  /// The network before it is trained, without adapters.
  ///
  /// - Parameters:
  ///   - data: Examples that fit the network.
  ///   - stage: Which of the trainings with one seed is meant: 0 for a base network, 1 for the network itself; see
  ///     ``TrainedPerceptron/stage``.
  /// - Throws: ``ModelError/badLayerSizes(_:)``.
  public func network<Element: Scalar>(
    for data: TabularDataSet<Element>, stage: UInt64? = 1
  ) throws(ModelError) -> TrainedPerceptron<Element> {
    var network = try TrainedPerceptron<Element>(
      sizes: [data.features.columns] + hiddenSizes + [data.classCount], activation: activation,
      settings: training, stage: stage)
    network.lastLayers = lastLayers
    return network
  }

  /// The network of the training examples; with adapters, on top of a network of the base examples.
  ///
  /// - Parameters:
  ///   - parts: The examples; adapters need base examples.
  ///   - seed: Decides the first weights and the order of examples.
  ///   - progress: Called with what is trained, and the share of its training that is done.
  /// - Throws: ``ModelError``.
  public func trained<Element: Scalar>(
    on parts: ExampleParts<TabularDataSet<Element>>, seed: UInt64,
    progress: ((_ stage: String, _ fraction: Double) -> Void)? = nil
  ) throws -> TrainedPerceptron<Element> {
    var network = try network(for: parts.training)
    if rank > 0, let base = parts.base {
      var first = try self.network(for: base, stage: 0)
      first.settings.epochs = baseEpochs
      first = try first.trained(on: base, weights: nil, seed: seed) { progress?("base model", $0) }
      network = try TrainedPerceptron(
        adapting: first.network, rank: rank, alpha: Double(2 * rank), settings: training, stage: 1)
      network.lastLayers = lastLayers
    }
    return try network.trained(on: parts.training, weights: nil, seed: seed) {
      progress?("training", $0)
    }
  }
}
