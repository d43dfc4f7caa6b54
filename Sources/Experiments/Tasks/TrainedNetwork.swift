internal import InfluenceKit

/// The network of an experiment with classes, as its file describes it: a perceptron, or a convolutional one.
enum TrainedNetwork: Classifier {
  case perceptron(TrainedPerceptron<Double>)
  case convolutional(TrainedConvolutionalNetwork<Double>)

  private var model: any Classifier<Double> {
    switch self {
    case .perceptron(let model): model
    case .convolutional(let model): model
    }
  }

  var layout: BlockLayout { model.layout }
  var penalty: Double { model.penalty }
  var optimizerMoments: OptimizerMoments? { model.optimizerMoments }
  var recipe: OrderedJSON { get throws { try model.recipe } }

  func trained(
    on examples: TabularDataSet<Double>, weights: [Double]?, seed: UInt64,
    progress: ((Double) -> Void)?
  ) throws -> TrainedNetwork {
    switch self {
    case .perceptron(let model):
      .perceptron(
        try model.trained(on: examples, weights: weights, seed: seed, progress: progress))
    case .convolutional(let model):
      .convolutional(
        try model.trained(on: examples, weights: weights, seed: seed, progress: progress))
    }
  }

  func losses(of examples: TabularDataSet<Double>) throws -> [Double] {
    try model.losses(of: examples)
  }

  func logits(of features: MatrixView<Double>) -> Matrix<Double> { model.logits(of: features) }

  func forEachGradientBatch(
    of examples: TabularDataSet<Double>, target: GradientTarget, batchSize: Int,
    _ body: (_ rows: Range<Int>, _ blocks: [Matrix<Double>], _ losses: [Double]) throws -> Void
  ) throws {
    try model.forEachGradientBatch(of: examples, target: target, batchSize: batchSize, body)
  }

  func kroneckerFactors(
    over examples: TabularDataSet<Double>, labels: FisherLabels
  ) throws -> [(block: String, factors: KroneckerFactors)] {
    try model.kroneckerFactors(over: examples, labels: labels)
  }

  func hessian(over examples: TabularDataSet<Double>) throws -> Matrix<Double> {
    try model.hessian(over: examples)
  }

  func gaussNewton(over examples: TabularDataSet<Double>) throws -> Matrix<Double> {
    try model.gaussNewton(over: examples)
  }
}
