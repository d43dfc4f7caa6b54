internal import InfluenceKit
internal import OrderedCollections

/// Which methods find the training examples of a query's own kind, for a language model that goes on with texts.
///
/// DataInf's section 5.3: a model with pairs of low rank learns tasks of several kinds, and the training examples are ranked
/// by their influence on the loss of a test example, whose own kind should come first.
struct LoRAGeneration: Experiment {
  static let kind = "lora-generation"
  static let summary =
    "Which methods find the training examples of a query's own kind, for a language model that goes on with texts"
  static let source =
    "DataInf (arXiv 2310.00902), section 5.3 and table 2; the ensemble of arXiv 2405.17490."

  static let settings =
    [
      Setting.methods(
        "methods",
        [
          HessianFree.name, BlockNormalized.name, DataInf.name, ExactFisher.name, EKFAC.name,
          Cosine.name,
        ], help: "methods that rank the training examples, at every damping"),
      Setting.methods(
        "costly-methods", [EKFACConjugateGradient.name], mayBeEmpty: true,
        help: "methods that rank them at the first damping alone, none of them among methods"),
      Setting(
        "dampings", .numbers(.positive), standard: [0.1, 0.001, 0.01, 1, 10],
        help:
          "λ as shares of each block's mean eigenvalue, for every method that has one; the first is that of tests, ensembles and the table of all methods"
      ),
      Setting(
        "losses", .choices(of: GenerationTexts.Loss.self), standard: ["all", "answer"],
        help: "which tokens the losses are of whose gradients are compared"),
      Setting(
        "ensemble.methods", .methods, standard: .array([.string(HessianFree.name)]),
        help: "methods whose scores are averaged over models under dropout"),
      Setting(
        "ensemble.members", .integer(0...100), standard: 0,
        help: "models of the ensemble, the first without dropout; 0 for no ensemble"),
      Setting(
        "ensemble.dropout", .number(0...0.9), standard: 0.1,
        help: "the largest share of what pairs read that a member drops"),
      Setting.count("model.rank", 8, help: "rank of the adapters"),
      Setting(
        "model.targets", .choice(of: AdapterTraining.Targets.self), standard: "query-value",
        help: "the maps beside which adapters are put"),
      Setting(
        "model.loss", .choice(of: GenerationTexts.Loss.self), standard: "all",
        help: "which tokens the model is trained on"),
    ] + AdapterTraining.settings(for: "a Llama, Qwen2 or GPT-2", scale: 4)
    + GenerationTexts.settings

  struct Options: Decodable {
    struct Ensemble: Decodable {
      let methods: [String]
      let members: Int
      let dropout: Double
    }

    struct Model: Decodable {
      let rank: Int
      let targets: AdapterTraining.Targets
      let loss: GenerationTexts.Loss
    }

    let methods: [String]
    let costlyMethods: [String]
    let dampings: [Double]
    let losses: [GenerationTexts.Loss]
    let ensemble: Ensemble
    let model: Model

    /// All methods.
    var rankings: [String] { methods + costlyMethods }

    /// The dampings at which a method is asked: all, or the first alone where it has none or is costly.
    func dampings(of method: String) throws -> [Double] {
      try methods.contains(method) && EstimatorCatalog.estimator(method).isDamped
        ? dampings : Array(dampings.prefix(1))
    }
  }

  struct Result: Codable, Sendable {
    var examples: Int
    var queries: Int
    /// The number of columns of the gradients.
    var columns: Int
    /// One for each loss, in the order of the settings.
    var losses: [AtLoss]
  }

  struct AtLoss: Codable, Sendable {
    var loss: GenerationTexts.Loss
    /// The mean of the queries after training, and before it.
    var queryLoss: Double
    var untrainedQueryLoss: Double
    /// By method, at each damping in the order of the settings; one entry for methods that have none.
    var methods: OrderedDictionary<String, [Found]>
    /// Rankings without gradients, by name.
    var baselines: OrderedDictionary<String, Found>
    /// The ensemble's methods at the first damping; empty without an ensemble.
    var ensemble: OrderedDictionary<String, Found>
  }

  /// How scores find the kind of each query, over all queries.
  struct Found: Codable, Sendable {
    var auc: Double
    /// The deviation over queries, as a whole population.
    var aucDeviation: Double
    /// The share of the kind among the n highest scores, n its number of training examples.
    var recall: Double
    var recallDeviation: Double
  }

  typealias Costs = OrderedDictionary<String, Double>

  let options: Options
  let data: GenerationTexts
  private let training: AdapterTraining

  init(_ settings: Settings) throws {
    let options: Options = settings.values()
    self.options = options
    try HarmScores.check(options.methods, settings)
    try HarmScores.check(options.costlyMethods, settings, key: "costly-methods")
    try HarmScores.check(options.ensemble.methods, settings, key: "ensemble.methods")
    for (key, methods) in [
      ("methods", options.methods), ("costly-methods", options.costlyMethods),
      ("ensemble.methods", options.ensemble.methods),
    ] {
      guard let method = try PerceptronPlan.firstOfAllLayers(methods) else { continue }
      throw settings.invalid(
        key, "\(method): second derivatives of a language model are too large; leave it out")
    }
    try settings.requireDistinct(options.rankings, "costly-methods", "a method of methods")
    try settings.requireDistinct(options.dampings, "dampings", "a damping")
    guard options.ensemble.members != 1 else {
      throw settings.invalid("ensemble.members", "one member is no ensemble; give 0, or 2 at least")
    }
    data = try GenerationTexts(settings)
    training = AdapterTraining(settings, of: data.checkpoint)
    // What cannot be made or encoded is known before a model is trained.
    _ = try untrained(seed: 0)
    for set in data.sets {
      let parts = try data.parts(of: set, seed: 0)
      guard parts.training.examples.labelNames.count > 1 else {
        throw settings.invalid("data.sets", "all examples of \(set) are of one kind")
      }
    }
  }

  var inputs: OrderedDictionary<String, String> { data.inputs }
  /// The sets.
  var points: [String] { data.sets }
  func name(of point: String) -> String? { point }

  private func untrained(seed: UInt64) throws -> FineTunedModel {
    try training.untrained(
      options.model.targets, rank: options.model.rank, classCount: nil, seed: seed)
  }

  func compute(
    seed: UInt64, at point: String, _ context: CellContext
  ) throws -> CellResult<Self> {
    var watch = StageWatch()
    let parts = try data.parts(of: point, seed: seed)
    let start = try untrained(seed: seed)
    let model = try watch.time("training") {
      try start.trained(
        on: parts.training.sequences(options.model.loss), weights: nil, seed: seed
      ) { context.progress("training", 0.3 * $0) }
    }
    var result = Result(
      examples: parts.training.examples.count, queries: parts.queries.examples.count,
      columns: model.layout.columnCount, losses: [])
    for (place, loss) in options.losses.enumerated() {
      let share = 0.7 / Double(options.losses.count)
      let texts = (
        training: parts.training.sequences(loss), queries: parts.queries.sequences(loss)
      )
      var ranking = KindRanking(
        training: parts.training.kinds, queries: parts.queries.kinds, watch: watch
      ) { context.progress("\(loss.rawValue): \($0)", 0.3 + share * (Double(place) + $1)) }
      result.losses.append(
        AtLoss(
          loss: loss,
          queryLoss: Statistics.mean(try model.losses(of: texts.queries)),
          untrainedQueryLoss: Statistics.mean(try start.losses(of: texts.queries)),
          methods: try ranking.methods(options, of: model, on: texts, seed: seed),
          baselines: try ranking.baselines(
            of: model, on: texts,
            words: (parts.training.words(loss), parts.queries.words(loss))),
          ensemble: try ranking.ensemble(options, of: model, on: texts, seed: seed)))
      watch = ranking.watch
    }
    return CellResult(result, costs: watch.seconds)
  }

  func lists(of result: Result) -> [ResultList] {
    [ResultList("losses", result.losses, of: options.losses.count)]
      + result.losses.enumerated().flatMap { place, loss in
        loss.methods.map { name, found in
          ResultList(
            "losses.\(place).methods.\(name)", found,
            of: (try? options.dampings(of: name))?.count ?? 1)
        }
      }
  }
}
