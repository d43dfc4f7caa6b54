internal import InfluenceKit
internal import OrderedCollections

/// How good a language model becomes that learns again without the texts that scores find most harmful.
///
/// Trimming as in arXiv 2405.17490, on noisy texts as in DataInf's appendix F. The scores are of validation texts, for
/// the mean query and with an equal say for each; what the model has become is measured on test texts that no score
/// and no choice of λ has seen. Each method's λ is the one of a grid after whose trimming the validation texts
/// have the least loss.
struct SelectedTexts: ExperimentOnExamples {
  static let kind = "selection-language"
  static let summary =
    "How good does a language model become without the texts that scores find most harmful"
  static let source = "arXiv 2405.17490, trimming; DataInf (arXiv 2310.00902), appendix F."

  /// Among which texts a share is left out.
  enum Scope: String, CaseIterable, Codable, Sendable {
    case all
    case classes
  }

  /// How the scores of all validation texts become one.
  enum Query: String, CaseIterable, Codable, Sendable {
    case mean
    case normalized

    var aggregation: ScoreAggregation {
      switch self {
      case .mean: .mean
      case .normalized: .normalizedMean
      }
    }
  }

  static let settings =
    [
      Setting.methods(
        "methods",
        [
          HessianFree.name, Cosine.name, BlockNormalized.name, DataInf.name, EKFAC.name,
          ExactFisher.name,
        ], help: "methods whose scores say which texts are left out"),
      Setting(
        "queries", .choices(of: Query.self), standard: ["mean", "normalized"],
        help: "how the validation texts ask: as their mean, or each with an equal say"),
      Setting(
        "trims", .numbers(0.001...0.99), standard: [0.1, 0.2, 0.3, 0.4, 0.5],
        help: "shares of the training texts that are left out"),
      Setting(
        "scopes", .choices(of: Scope.self), standard: ["all", "classes"],
        help: "whether a share of all texts is left out, or the same share of each class"),
      Setting(
        "dampings", .numbers(.positive), standard: [0.01, 1, 100],
        help:
          "λ as shares of each block's mean eigenvalue, of which each method takes one by validation texts"
      ),
      Setting(
        "damping-trim", .number(0.001...0.99), standard: 0.2,
        help: "the share of all texts that is left out where λ is chosen"),
      Setting.draws(2, help: "random choices of each size"),
      Setting("rank", .integer(1...1024), standard: 4, help: "the rank of the adapters"),
      Setting(
        "targets", .choice(of: AdapterTraining.Targets.self), standard: "query-value",
        help: "the maps beside which adapters are put"),
    ] + AdapterTraining.classifierSettings + LabelledTexts.settings

  struct Options: Decodable {
    let methods: [String]
    let queries: [Query]
    let trims: [Double]
    let scopes: [Scope]
    let dampings: [Double]
    let dampingTrim: Double
    let randomDraws: Int
    let rank: Int
    let targets: AdapterTraining.Targets
  }

  struct Result: Codable, Sendable {
    var examples: Int
    var wrongLabels: Int
    /// The number of columns of the gradients.
    var columns: Int
    /// The share of the wrong labels that the model of all texts predicts.
    var wrongLabelsLearned: Double
    /// After training on all texts, and on those of right labels alone.
    var all: Outcome
    var right: Outcome
    /// After leaving out texts at random, for each share; means over draws.
    var random: [Outcome]
    var rankings: OrderedDictionary<String, Trimmed>
    var warnings: [String]
  }

  /// What comes of leaving out texts by one ranking.
  struct Trimmed: Codable, Sendable {
    /// λ as chosen; nil where there is none.
    @NullWhenNil var damping: Double?
    /// The mean validation losses, one for each λ of the grid; empty where there is none.
    var validationLosses: [Double]
    /// How well it finds wrong labels.
    var areaUnderROC: Double
    /// For each share, by scope.
    var scopes: OrderedDictionary<String, [Outcome]>

    enum CodingKeys: String, CodingKey {
      case damping, validationLosses, scopes
      case areaUnderROC = "auc"
    }
  }

  /// What a model has become that learnt some of the texts.
  struct Outcome: Codable, Sendable {
    /// On the test texts.
    var accuracy: Double
    /// The mean on the test texts, in nats.
    var loss: Double
    /// The share of wrong labels among the texts that it learnt.
    var wrongShare: Double
    /// The share of its texts that it learnt of the class that lost most.
    var leastClassShare: Double

    init(accuracy: Double, loss: Double, wrongShare: Double, leastClassShare: Double) {
      self.accuracy = accuracy
      self.loss = loss
      self.wrongShare = wrongShare
      self.leastClassShare = leastClassShare
    }

    /// The means of several.
    init(meanOf outcomes: [Outcome]) {
      self.init(
        accuracy: Statistics.mean(outcomes.map(\.accuracy)),
        loss: Statistics.mean(outcomes.map(\.loss)),
        wrongShare: Statistics.mean(outcomes.map(\.wrongShare)),
        leastClassShare: Statistics.mean(outcomes.map(\.leastClassShare)))
    }
  }

  typealias Costs = OrderedDictionary<String, Double>

  let options: Options
  let data: LabelledTexts
  let training: AdapterTraining

  init(_ settings: Settings) throws {
    options = settings.values()
    try AdapterTraining.check(options.methods, settings)
    try settings.requireDistinct(options.trims, "trims", "a share")
    try settings.requireDistinct(options.dampings, "dampings", "a damping")
    data = try LabelledTexts(settings)
    try data.requireWrongLabels(settings)
    training = AdapterTraining(settings, of: data.checkpoint)
    // What cannot be made is known before a model is trained.
    _ = try training.untrained(
      options.targets, rank: options.rank, classCount: data.classCount, seed: 0)
  }

  static let loss = "training loss"

  /// The name of a method's ranking.
  static func name(_ method: String, _ query: Query) -> String { "\(method) (\(query.rawValue))" }

  /// The rankings in the order of tables.
  var rankings: [String] {
    options.methods.flatMap { method in options.queries.map { Self.name(method, $0) } }
      + [Self.loss]
  }

  func lists(of result: Result) -> [ResultList] {
    [ResultList("random", result.random, of: options.trims.count)]
      + result.rankings.flatMap { name, ranking in
        ranking.scopes.map {
          ResultList("rankings.\(name).scopes.\($0)", $1, of: options.trims.count)
        }
      }
  }
}
