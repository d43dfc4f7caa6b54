internal import Algorithms
public import Data
public import Gradients
public import LinearAlgebra
public import TensorFiles

/// A convolutional network, and how it is trained from random weights.
public struct TrainedConvolutionalNetwork<Element: Scalar>: Classifier {
  /// The network as it is; before training, with the first weights of seed 0.
  public private(set) var network: ConvolutionalNetwork<Element>
  /// How it is trained; the seed is not used.
  public var settings: TrainingSettings
  /// How many layers, counted from the head, have their parameters in the gradients; all if nil.
  public var lastLayers: Int?
  /// What the optimizer knew at the end of the training; nil before, and where gradients are not of all layers.
  public private(set) var optimizerMoments: OptimizerMoments?

  /// A network that is trained from random weights.
  ///
  /// - Parameters:
  ///   - network: Whose shapes are those that are trained; its weights are not.
  ///   - settings: How it is trained.
  public init(_ network: ConvolutionalNetwork<Element>, settings: TrainingSettings) {
    self.network = network
    self.settings = settings
  }

  /// The parameters of the layers that count; see ``ConvolutionalNetwork/layout``.
  public var layout: BlockLayout { network.layout(lastLayers: lastLayers) }
  /// None: weight decay is no part of the loss.
  public var penalty: Double { 0 }

  /// Layers, and how they are trained.
  public var recipe: OrderedJSON {
    let image = network.image
    return [
      "model": "convolutional",
      "image": .array([image.channels, image.height, image.width].map { .integer($0) }),
      "filters": .array(network.filters.map { .integer($0) }),
      "head pooling": .integer(network.headPooling), "precision": .string("\(Element.self)"),
      "training": [
        "epochs": .integer(settings.epochs), "batch": .integer(settings.batchSize),
        "rate": .number(settings.learningRate), "decay": .number(settings.weightDecay),
      ],
    ]
  }

  /// The network of other examples, from new weights: AdamW on the mean loss of each batch; every epoch is a new random
  /// order of all examples.
  ///
  /// - Throws: ``ModelError``.
  /// - Complexity: About 6 operations for each epoch, example, place and weight.
  public func trained(
    on examples: TabularDataSet<Element>, weights: [Double]?, seed: UInt64,
    progress: ((Double) -> Void)?
  ) throws -> TrainedConvolutionalNetwork {
    try ModelError.check(settings.epochs >= 0, "epoch count", settings.epochs, "at least 0")
    try ModelError.check(settings.batchSize >= 1, "batch size", settings.batchSize, "at least 1")
    try network.checkFit(examples)
    try ExampleWeights.check(weights, count: examples.count)
    var trained = self
    trained.network = try ConvolutionalNetwork(
      image: network.image, filters: network.filters, headPooling: network.headPooling,
      classes: network.outputs, seed: seed)
    var optimizer = try AdamW<Element>(
      AdamW.Settings(learningRate: settings.learningRate, weightDecay: settings.weightDecay))
    var generator = SeededGenerator(seed: seed, stream: RandomStream.batches)
    var parameters = trained.network.values
    for epoch in 1...max(1, settings.epochs) where epoch <= settings.epochs {
      var totalLoss = 0.0
      for rows in generator.permutation(examples.count).chunks(ofCount: settings.batchSize) {
        let batch = examples.selecting(Array(rows))
        let pass = trained.network.forwardAndBack(
          batch.features, labels: batch.labels[...],
          weights: weights.map { weights in rows.map { weights[$0] } })
        let share = 1 / Element(batch.count)
        let gradients = trained.network.gradientSums(of: pass).map { $0.map { $0 * share } }
        totalLoss += pass.losses.reduce(0, +)
        optimizer.step(&parameters, gradients: gradients)
        trained.network.values = parameters
      }
      guard totalLoss.isFinite else { throw ModelError.diverged(epoch: epoch) }
      progress?(Double(epoch) / Double(settings.epochs))
    }
    trained.optimizerMoments =
      lastLayers == nil
      ? optimizer.moments(
        of: layout, learningRateSum: settings.learningRate * Double(optimizer.stepCount)) : nil
    return trained
  }

  /// The network's; see ``ConvolutionalNetwork/losses(of:)``.
  public func losses(of examples: TabularDataSet<Element>) throws -> [Double] {
    try network.losses(of: examples)
  }

  /// The network's; see ``ConvolutionalNetwork/logits(of:)``.
  public func logits(of features: MatrixView<Element>) -> Matrix<Element> {
    network.logits(of: features)
  }

  /// The network's, of the layers that count: of a convolution an example's gradient is a sum over places.
  public func forEachGradientBatch(
    of examples: TabularDataSet<Element>, target: GradientTarget, batchSize: Int,
    _ body: (_ rows: Range<Int>, _ blocks: [Matrix<Element>], _ losses: [Double]) throws -> Void
  ) throws {
    try network.forEachGradientBatch(
      of: examples, target: target, lastLayers: lastLayers, batchSize: batchSize, body)
  }

  /// The network's, of the layers that count; see ``ConvolutionalNetwork/kroneckerFactors(over:labels:)``.
  public func kroneckerFactors(
    over examples: TabularDataSet<Element>, labels: FisherLabels
  ) throws -> [(block: String, factors: KroneckerFactors)] {
    let blocks = Set(layout.blocks.map(\.name))
    return try network.kroneckerFactors(over: examples, labels: labels)
      .filter { blocks.contains($0.block) }
  }

  /// The network's, which is of all layers; see ``ConvolutionalNetwork/hessian(over:)``.
  public func hessian(over examples: TabularDataSet<Element>) throws -> Matrix<Double> {
    precondition(lastLayers == nil, "second derivatives are of all layers")
    return try network.hessian(over: examples)
  }

  /// The network's, which is of all layers; see ``ConvolutionalNetwork/gaussNewton(over:)``.
  public func gaussNewton(over examples: TabularDataSet<Element>) throws -> Matrix<Double> {
    precondition(lastLayers == nil, "second derivatives are of all layers")
    return try network.gaussNewton(over: examples)
  }
}
