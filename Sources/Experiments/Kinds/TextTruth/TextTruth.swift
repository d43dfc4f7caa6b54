internal import InfluenceKit
internal import OrderedCollections

/// How well scores foretell what a language model becomes that learns again from other texts.
///
/// Two truths. The linear datamodeling score (LDS): training on random halves, mean over seeds. Leaving out the top: how
/// much the validation loss rises without the texts that a method finds most helpful. Every method is held against
/// both at each λ of a grid; where one λ is wanted, half of the subsets choose it for the other half.
struct TextTruth: ExperimentOnExamples {
  static let kind = "truth-language"
  static let summary =
    "How well do scores foretell what a language model learns from other texts"
  static let source =
    "LDS after TRAK (arXiv 2303.14186); the methods of bergson's table; arXiv 2507.14740 for conjugate gradients."

  static let settings =
    [
      Setting.methods(
        "methods",
        [
          HessianFree.name, Cosine.name, DataInf.name, HyperINF.name, KFAC.name, EKFAC.name,
          EKFACConjugateGradient.name, ExactFisher.name, Source.name,
        ], help: "what is held against the truth"),
      Setting(
        "dampings", .numbers(.positive), standard: [0.01, 0.1, 1, 10, 100],
        help: "λ as shares of each block's mean eigenvalue, for every method"),
      Setting(
        "lds.subsets", .integer(6...Setting.mostCounted), standard: 40, help: "random subsets M"),
      Setting(
        "lds.seeds", .integer(2...Setting.mostCounted), standard: 2,
        help: "trainings R of each subset"),
      Setting(
        "lds.fraction", .number(0.01...0.99), standard: 0.5, help: "the share of texts in each"),
      Setting(
        "removals", .numbers(0.001...0.9), standard: [0.05, 0.1, 0.2],
        help: "shares of the texts, the most helpful to the mean query, that are left out"),
      Setting.draws(4, help: "random removals of each size"),
      Setting("rank", .integer(1...1024), standard: 4, help: "the rank of the adapters"),
      Setting(
        "targets", .choice(of: AdapterTraining.Targets.self), standard: "query-value",
        help: "the maps beside which adapters are put"),
    ] + AdapterTraining.classifierSettings + LabelledTexts.settings

  struct Options: Decodable {
    struct Subsets: Decodable {
      let subsets: Int
      let seeds: Int
      let fraction: Double
    }

    let methods: [String]
    let dampings: [Double]
    let lds: Subsets
    let removals: [Double]
    let randomDraws: Int
    let rank: Int
    let targets: AdapterTraining.Targets
  }

  struct Result: Codable, Sendable {
    var examples: Int
    /// The number of columns of the gradients.
    var columns: Int
    var testAccuracy: Double
    /// The mean LDS that one training of each subset has for the mean of the others: what training noise leaves to foretell.
    @NullWhenNil var retraining: Double?
    /// Methods, similarity and random scores.
    var methods: OrderedDictionary<String, Agreement>
    /// How much the mean validation loss rises without texts at random, for each share; means over draws.
    var randomRises: [Double]
    var warnings: [String]
  }

  /// How well one method foretells what training anew does.
  struct Agreement: Codable, Sendable {
    /// One for each λ of the grid; a single one where there is none.
    var dampings: [AtDamping]
    /// LDS where the other half of the subsets chooses λ, mean over both halves and all queries.
    @NullWhenNil var chosen: Double?
    /// λ by which the most helpful texts were found, that of the largest LDS; nil where there is none.
    @NullWhenNil var removalDamping: Double?
    /// How much the mean validation loss rises without them, for each share, mean over seeds of training.
    var rises: [Double]
  }

  /// LDS at one λ, means over the queries that have one.
  struct AtDamping: Codable, Sendable {
    @NullWhenNil var damping: Double?
    /// Of −loss.
    @NullWhenNil var loss: Double?
    /// Of the margin log p/(1 − p).
    @NullWhenNil var margin: Double?
  }

  let options: Options
  let data: LabelledTexts
  let training: AdapterTraining

  init(_ settings: Settings) throws {
    options = settings.values()
    try AdapterTraining.check(options.methods, settings)
    try settings.requireDistinct(options.dampings, "dampings", "a damping")
    try settings.requireDistinct(options.removals, "removals", "a share")
    data = try LabelledTexts(settings)
    training = AdapterTraining(settings, of: data.checkpoint)
    // What cannot be made is known before a model is trained.
    _ = try training.untrained(
      options.targets, rank: options.rank, classCount: data.classCount, seed: 0)
  }

  static let random = "random"
  static let similarity = RepresentationSimilarity.name

  /// What is held against the truth, in the order of tables.
  var rowNames: [String] { options.methods + [Self.similarity, Self.random] }

  func lists(of result: Result) -> [ResultList] {
    [ResultList("random_rises", result.randomRises, of: options.removals.count)]
      + result.methods.map {
        ResultList("methods.\($0).rises", $1.rises, of: options.removals.count)
      }
  }
}
