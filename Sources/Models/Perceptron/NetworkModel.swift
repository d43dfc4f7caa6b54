public import Data
public import Gradients
public import LinearAlgebra

/// A classifier that is a perceptron, however it is trained: its derivatives are the network's.
public protocol NetworkModel<Element>: Classifier {
  /// The network.
  var network: MultilayerPerceptron<Element> { get }
  /// Which hidden units are silent when gradients are taken; none if nil.
  var dropout: Dropout? { get }
  /// How many layers, counted from the head, have their parameters in the gradients; all if nil.
  var lastLayers: Int? { get }
  /// The same model with other hidden units silent, where there are such; each number draws others.
  func drawing(_ number: UInt64) -> Self
}

extension NetworkModel {
  /// None: every hidden unit speaks.
  public var dropout: Dropout? { nil }
  /// All layers.
  public var lastLayers: Int? { nil }
  /// The model itself.
  public func drawing(_ number: UInt64) -> Self { self }

  /// The trained parameters of the layers that count; see ``MultilayerPerceptron/layout``.
  public var layout: BlockLayout {
    PerExampleGradients(of: network, dropout: dropout, lastLayers: lastLayers).layout
  }

  /// The network's; see ``MultilayerPerceptron/losses(of:)``.
  public func losses(of examples: TabularDataSet<Element>) throws -> [Double] {
    try network.losses(of: examples)
  }

  /// The network's; see ``MultilayerPerceptron/logits(of:)``.
  public func logits(of features: MatrixView<Element>) -> Matrix<Element> {
    network.logits(of: features)
  }

  /// The network's; see ``PerExampleGradients``.
  public func forEachGradientBatch(
    of examples: TabularDataSet<Element>, target: GradientTarget, batchSize: Int,
    _ body: (_ rows: Range<Int>, _ blocks: [Matrix<Element>], _ losses: [Double]) throws -> Void
  ) throws {
    try PerExampleGradients(of: network, target: target, dropout: dropout, lastLayers: lastLayers)
      .forEachBatch(of: examples, batchSize: batchSize, body)
  }

  /// The network's, of the layers that count; see ``MultilayerPerceptron/kroneckerFactors(over:labels:)``.
  public func kroneckerFactors(
    over examples: TabularDataSet<Element>, labels: FisherLabels
  ) throws -> [(block: String, factors: KroneckerFactors)] {
    let blocks = Set(layout.blocks.map(\.name))
    return try network.kroneckerFactors(over: examples, labels: labels)
      .filter { blocks.contains($0.block) }
  }

  /// The network's, which is of all layers; see ``MultilayerPerceptron/hessian(over:)``.
  public func hessian(over examples: TabularDataSet<Element>) throws -> Matrix<Double> {
    precondition(lastLayers == nil, "second derivatives are of all layers")
    return try network.hessian(over: examples)
  }

  /// The network's, which is of all layers; see ``MultilayerPerceptron/gaussNewton(over:)``.
  public func gaussNewton(over examples: TabularDataSet<Element>) throws -> Matrix<Double> {
    precondition(lastLayers == nil, "second derivatives are of all layers")
    return try network.gaussNewton(over: examples)
  }
}
