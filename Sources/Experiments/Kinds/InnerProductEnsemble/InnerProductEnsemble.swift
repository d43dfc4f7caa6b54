internal import InfluenceKit
internal import OrderedCollections

/// Ensembles under dropout of a perceptron's hidden units.
struct InnerProductEnsemble: EnsembleExperiment {
  static let kind = "inner-product-ensemble"
  static let summary = "What an ensemble of dropout gradients is worth over one model"
  static let source =
    "\"Revisit, Extend, and Enhance Hessian-Free Influence Functions\" (arXiv 2405.17490)."

  static let settings =
    EnsembleOptions.settings(rates: [0.001, 0.01, 0.1, 0.3])
    + LabelledExamples.settings(.init(training: 600, validation: 200, test: 500, flip: 0.2))
    + PerceptronPlan.settings(.init(hidden: [64, 32], epochs: 20))

  typealias Costs = OrderedDictionary<String, Double>

  let options: EnsembleOptions
  let members: [Int]
  let sources: [EnsembleSource]
  private let task: TrainingTask<LabelledExamples, TrainedPerceptron<Double>>
  var data: LabelledExamples { task.source }

  init(_ settings: Settings) throws {
    options = settings.values()
    (members, sources) = try options.plan(settings)
    guard !settings.integers("model.hidden").isEmpty else {
      throw settings.invalid("model.hidden", "dropout needs a hidden layer")
    }
    task = TrainingTask(try LabelledExamples(settings), PerceptronPlan(settings))
  }

  func trained(
    seed: UInt64, _ context: CellContext
  ) throws -> TrainedTask<TrainedPerceptron<Double>> {
    try task.trained(seed: seed)
  }

  /// Other hidden units are silent for queries than for training examples.
  func asked(
    _ model: TrainedPerceptron<Double>, under dropout: Dropout
  ) -> (training: TrainedPerceptron<Double>, queries: TrainedPerceptron<Double>) {
    var member = model
    member.dropout = dropout
    return (member.drawing(0), member.drawing(1))
  }

  func others(
    _ count: Int, than trained: TrainedTask<TrainedPerceptron<Double>>
  ) throws -> [TrainedPerceptron<Double>] {
    try Parallelism.map(count) {
      try trained.model.trained(
        on: trained.parts.training, seed: EnsembleOptions.seed(of: $0, besides: trained.seed))
    }
  }
}
