public import Data
public import LinearAlgebra

/// The main job in small: a network fine-tuned with low-rank adapters on digits of which some are
/// mislabelled.
///
/// The 1,797 digits are cut into three random, disjoint parts. A base network is trained briefly on
/// the first, with its true labels; it plays the part of a pre-trained model. Its weights are then
/// frozen, and adapters and head are fine-tuned on the second part, a share of whose labels has been
/// flipped. The third part, with true labels, asks the questions: which training examples help or
/// harm these?
public struct DigitsTask: Sendable, Hashable, Codable {
  /// Images that the base network is trained on.
  public var baseCount = 597
  /// Images for fine-tuning.
  public var trainingCount = 1000
  /// Images that ask.
  public var queryCount = 200
  /// The share of training labels that is flipped, from 0 to 1.
  public var flippedFraction = 0.2
  /// The outputs of each hidden layer.
  public var hiddenSizes = [128, 64]
  /// The function after each hidden layer.
  public var activation = Activation.tanh
  /// The adapters' rank r.
  public var rank = 4
  /// The adapters' α.
  public var alpha = 8.0
  /// How the base network is trained; its seed is not used.
  public var baseTraining = TrainingSettings(epochs: 10, learningRate: 2e-3)
  /// How adapters and head are trained; its seed is not used.
  public var fineTuning = TrainingSettings(epochs: 20, learningRate: 2e-3)
  /// Decides the parts, the flips, the first weights and the order of examples.
  public var seed: UInt64 = 0

  /// Makes the task with its default settings.
  public init() {}

  /// What a run leaves behind.
  public struct Outcome<Element: Scalar>: Sendable {
    /// The fine-tuned network with its training; its adapters and head are what gradients are taken by.
    public let trained: TrainedPerceptron<Element>
    /// The fine-tuned network.
    public var model: MultilayerPerceptron<Element> { trained.network }
    /// The fine-tuning set as it was learnt, with its flipped labels.
    public let training: TabularDataSet<Element>
    /// The rows of the training set whose labels were flipped, ascending.
    public let flippedRows: [Int]
    /// The true labels of the training set.
    public let trueLabels: [Int]
    /// Images that no training saw, with their true labels.
    public let queries: TabularDataSet<Element>
    /// The base network's accuracy on the queries, from 0 to 1.
    public let baseAccuracy: Double
    /// The fine-tuned network's accuracy on the queries, from 0 to 1.
    public let accuracy: Double
    /// The mean loss of each epoch of fine-tuning, in nats.
    public let losses: [Double]
  }

  /// Trains the base network, flips labels, fine-tunes.
  ///
  /// - Parameters:
  ///   - element: The precision of data, network and training.
  ///   - progress: Called after each epoch of either stage with the stage's name, the epoch from 1
  ///     and its mean loss.
  /// - Throws: `DataError` or ``ModelError`` if a setting is out of range.
  public func run<Element: Scalar>(
    in element: Element.Type = Float.self,
    progress: (_ stage: String, _ epoch: Int, _ meanLoss: Double) -> Void = { _, _, _ in }
  ) throws -> Outcome<Element> {
    let parts = try Digits.dataSet(of: Element.self).split(
      counts: [baseCount, trainingCount, queryCount], seed: seed)
    let (clean, queries) = (parts[1], parts[2])
    let (training, flippedRows) = try clean.flippingLabels(fraction: flippedFraction, seed: seed)

    let base = try TrainedPerceptron<Element>(
      sizes: [Digits.pixelCount] + hiddenSizes + [Digits.classCount], activation: activation,
      settings: baseTraining, stage: 0
    ).trained(on: parts[0], seed: seed) { epoch, loss, _ in progress("base", epoch, loss) }
    var losses: [Double] = []
    let trained = try TrainedPerceptron(
      adapting: base.network, rank: rank, alpha: alpha, settings: fineTuning, stage: 1
    ).trained(on: training, seed: seed) { epoch, loss, _ in
      losses.append(loss)
      progress("fine-tuning", epoch, loss)
    }
    return Outcome(
      trained: trained, training: training, flippedRows: flippedRows, trueLabels: clean.labels,
      queries: queries, baseAccuracy: try base.network.accuracy(on: queries),
      accuracy: try trained.network.accuracy(on: queries), losses: losses)
  }
}
