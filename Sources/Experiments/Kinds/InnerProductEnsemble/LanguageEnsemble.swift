internal import InfluenceKit
internal import OrderedCollections

/// Ensembles under dropout of what the adapters of a language model read.
///
/// Texts with classes, some of them wrong: the pairs of low rank of a BERT or RoBERTa drop a share of their inputs while
/// gradients are taken, as they do in training, or are trained again with other seeds.
struct LanguageEnsemble: EnsembleExperiment {
  static let kind = "language-ensemble"
  static let summary =
    "What an ensemble of dropout gradients is worth over one fine-tuned language model"
  static let source =
    "\"Revisit, Extend, and Enhance Hessian-Free Influence Functions\" (arXiv 2405.17490)."

  static let settings =
    EnsembleOptions.settings(rates: [0.01, 0.1, 0.5])
    + [
      Setting(
        "targets", .choice(of: AdapterTraining.Targets.self), standard: "query-value",
        help: "the maps beside which adapters are put"),
      Setting("rank", .integer(1...1024), standard: 4, help: "rank of the pairs"),
    ] + AdapterTraining.classifierSettings + LabelledTexts.settings

  private struct Adapters: Decodable {
    let targets: AdapterTraining.Targets
    let rank: Int
  }

  typealias Costs = OrderedDictionary<String, Double>

  let options: EnsembleOptions
  let members: [Int]
  let sources: [EnsembleSource]
  let data: LabelledTexts
  private let task: TrainingTask<LabelledTexts, FineTunedModel>

  init(_ settings: Settings) throws {
    options = settings.values()
    try AdapterTraining.check(options.methods, settings)
    (members, sources) = try options.plan(settings)
    let adapters: Adapters = settings.values()
    data = try LabelledTexts(settings)
    try data.requireWrongLabels(settings)
    let training = AdapterTraining(settings, of: data.checkpoint)
    task = training.task(on: data, adapters.targets, rank: adapters.rank)
    // What cannot be made is known before a model is trained.
    _ = try training.untrained(
      adapters.targets, rank: adapters.rank, classCount: data.classCount, seed: 0)
  }

  func trained(seed: UInt64, _ context: CellContext) throws -> TrainedTask<FineTunedModel> {
    try task.trained(seed: seed, progress: context.progress)
  }

  func asked(
    _ model: FineTunedModel, under dropout: Dropout
  ) -> (training: FineTunedModel, queries: FineTunedModel) {
    guard dropout.rate > 0 else { return (model, model) }
    func drawing(_ step: UInt64) -> FineTunedModel {
      var member = model
      member.gradientDropout = (DropoutStream(seed: dropout.seed, step: step), dropout.rate)
      return member
    }
    return (drawing(0), drawing(1))
  }

  /// One after the other: each takes all cores.
  func others(
    _ count: Int, than trained: TrainedTask<FineTunedModel>
  ) throws -> [FineTunedModel] {
    try (0..<count).map {
      try trained.model.trained(
        on: trained.parts.training, weights: nil,
        seed: EnsembleOptions.seed(of: $0, besides: trained.seed), progress: nil)
    }
  }
}
