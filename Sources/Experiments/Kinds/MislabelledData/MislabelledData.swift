internal import InfluenceKit
internal import OrderedCollections

/// Which methods find training examples whose labels are wrong.
///
/// DataInf's figure 2: a share of the training labels is made wrong, the model is trained on them, and examples
/// are ranked by how much they harm the mean loss of clean validation examples. The same for self-influence,
/// for the training loss, which needs no gradients, and for chance.
struct MislabelledData: ExperimentOnExamples {
  static let kind = "mislabelled-data"
  static let summary = "Which methods find training examples with wrong labels"
  static let source =
    "DataInf (arXiv 2310.00902), figure 2; noisy labels of arXiv 2405.17490; Koh and Liang (2017), section 5.4."

  static let settings =
    [
      Setting.methods(
        "methods",
        [
          HessianFree.name, Cosine.name, BlockNormalized.name, DataInf.name, DiagonalFisher.name,
          Shampoo.name, CorrectedShampoo.name, KFAC.name, EKFAC.name, Arnoldi.name, Nystrom.name,
          "\(LiSSA.name):depth=10", "\(ConjugateGradient.name):tolerance=1e-2", ExactFisher.name,
          RelatIFLoss.name, RelatIFTheta.name, ExactGaussNewton.name,
        ], help: "methods whose harm to the mean validation query ranks examples"),
      Setting.flag("self", true, help: "whether the methods' self-influence ranks them too"),
      Setting(
        "self-methods", .methods,
        help: "methods whose self-influence ranks them, those of `methods` alone; all unless given"),
      Setting.methods(
        "curves", [HessianFree.name, DataInf.name, EKFAC.name, ExactFisher.name, Cosine.name],
        help: "methods whose detection curves are drawn, those of `methods` alone"),
      Setting.draws(10, help: "random orders of each seed"),
      Setting.flag(
        "keep-scores", false,
        help: "whether every example's scores and the wrong rows are written to the results"),
      Setting(
        "model.rank", .integer(0...1024), standard: 0,
        help: "rank of LoRA adapters on a base model; 0 trains all weights"),
      Setting.count(
        "model.base-epochs", 10, help: "passes of the base model over its own examples"),
      Setting(
        "data.base", .integer(0...Setting.mostCounted), standard: 0,
        help: "examples that the base model of adapters is trained on"),
      PerceptronPlan.layersSetting,
    ]
    + LabelledExamples.settings(.init(training: 900, validation: 200, test: 500, flip: 0.2))
    + PerceptronPlan.settings(.init(hidden: [32], epochs: 20)) + NetworkPlan.settings

  struct Options: Decodable {
    let methods: [String]
    let includesSelf: Bool
    let selfMethods: [String]?
    let curves: [String]
    let randomDraws: Int
    let keepScores: Bool

    enum CodingKeys: String, CodingKey {
      case methods
      case includesSelf = "self"
      case selfMethods, curves, randomDraws, keepScores
    }
  }

  struct Result: Codable, Sendable {
    var wrongLabels: Int
    var examples: Int
    /// The number of columns of the gradients.
    var columns: Int
    var testAccuracy: Double
    /// The share of the wrong labels that the model predicts.
    var wrongLabelsLearned: Double
    /// Rankings by harm to the mean validation query, by method.
    var harm: OrderedDictionary<String, Ranking> = [:]
    /// Rankings by self-influence, by method.
    var own: OrderedDictionary<String, Ranking> = [:]
    /// Rankings that need no gradients, by name.
    var baselines: OrderedDictionary<String, Ranking> = [:]
    /// What a method warned of, by method.
    var warnings: OrderedDictionary<String, [String]> = [:]
    /// The rows of the wrong labels, where scores are kept.
    var wrongRows: [Int]?

    enum CodingKeys: String, CodingKey {
      case wrongLabels, examples, columns, testAccuracy, wrongLabelsLearned, harm
      case own = "self"
      case baselines, warnings, wrongRows
    }

    var wrongShare: Double { Double(wrongLabels) / Double(examples) }
  }

  /// How well one order of the examples finds the wrong labels.
  struct Ranking: Codable, Sendable {
    var auc: Double
    /// The shares of wrong labels among the first 10 % and 20 % of the examples.
    var recall10: Double
    var recall20: Double
    /// Whether all scores are the same by construction, so that they give no order.
    var constant: Bool
    /// The share of wrong labels that is found at each of ``MislabelledData/shares``.
    var curve: [Double]
    /// The score of each example, where scores are kept.
    var scores: [Double]?

    init(_ scores: [Double], _ wrong: Set<Int>) throws {
      // Rounding would make an order of scores that are the same by construction.
      constant = HarmScores.isConstant(scores)
      let found = try Detection.detectionCurve(scores: scores, positives: wrong)
      guard !constant else {
        (auc, recall10, recall20, curve) = (0.5, 0.1, 0.2, MislabelledData.shares)
        return
      }
      auc = try Detection.areaUnderROC(scores: scores, positives: wrong)
      recall10 = try found.recall(atFraction: 0.1)
      recall20 = try found.recall(atFraction: 0.2)
      curve = MislabelledData.shares.map { share in
        found.recall(inspected: Int((share * Double(scores.count)).rounded()))
      }
    }

    init(meanOf all: [Ranking]) {
      func mean(_ value: (Ranking) -> Double) -> Double {
        all.map(value).reduce(0, +) / Double(all.count)
      }
      auc = mean(\.auc)
      recall10 = mean(\.recall10)
      recall20 = mean(\.recall20)
      constant = false
      curve = MislabelledData.shares.indices.map { index in mean { $0.curve[index] } }
    }
  }

  typealias Costs = OrderedDictionary<String, Seconds>

  struct Seconds: Codable, Sendable {
    var fitSeconds: Double
    var harmSeconds: Double
    /// Nil where self-influence was not asked for.
    var selfSeconds: Double?
  }

  let options: Options
  /// The methods whose self-influence is asked for, in the order of `methods`.
  let selfMethods: [String]
  let task: TrainingTask<LabelledExamples, TrainedNetwork>
  var data: LabelledExamples { task.source }

  init(_ settings: Settings) throws {
    let options: Options = settings.values()
    self.options = options
    try HarmScores.check(options.methods, settings)
    let own = options.selfMethods ?? options.methods
    if let method = own.first(where: { !options.methods.contains($0) }) {
      throw settings.invalid("self-methods", "\(method) is not among methods; add it there")
    }
    selfMethods = options.includesSelf ? options.methods.filter(own.contains) : []
    let (rank, base) = (settings.integer("model.rank"), settings.integer("data.base"))
    guard rank == 0 || base > 0 else {
      throw settings.invalid(
        "model.rank", "adapters need a base model; give it examples by data.base")
    }
    let data = try LabelledExamples(settings)
    try data.requireWrongLabels(settings)
    let plan = try PerceptronPlan(settings, methods: options.methods)
    task = try NetworkPlan(settings, plan, data).task(on: data)
  }

  /// The shares of examples at which detection curves are kept.
  static let shares = (0...50).map { Double($0) / 50 }

  func compute(
    seed: UInt64, at point: WholeSeed, _ context: CellContext
  ) throws -> CellResult<Self> {
    let trained = try task.trained(seed: seed, progress: context.progress)
    let parts = trained.parts
    let wrong = parts.wrongRows
    let count = parts.training.count
    let gradients = try trained.gradients(for: options.methods)
    let isLearned = try trained.answers(to: parts.training).isCorrect
    var result = Result(
      wrongLabels: wrong.count, examples: count,
      columns: gradients.training.layout.columnCount,
      testAccuracy: try trained.answers(to: parts.test).accuracy,
      wrongLabelsLearned: Double(wrong.count { isLearned[$0] }) / Double(wrong.count))
    var costs: Costs = [:]
    var harms: OrderedDictionary<String, [Double]> = [:]
    var selves: OrderedDictionary<String, [Double]> = [:]
    for (index, method) in options.methods.enumerated() {
      context.progress(method, Double(index) / Double(options.methods.count))
      let includesSelf = selfMethods.contains(method)
      let scores = try HarmScores(of: method, gradients, includesSelf: includesSelf)
      harms[method] = scores.harm
      result.harm[method] = try ranking(scores.harm, wrong)
      if includesSelf {
        selves[method] = scores.selfInfluence
        result.own[method] = try ranking(scores.selfInfluence, wrong)
      }
      costs[method] = Seconds(
        fitSeconds: scores.seconds.fit, harmSeconds: scores.seconds.harm,
        selfSeconds: includesSelf ? scores.seconds.selfInfluence : nil)
      if !scores.warnings.isEmpty { result.warnings[method] = scores.warnings }
    }
    let random = try (0..<options.randomDraws).map { draw in
      var generator = SeededGenerator(seed: seed, stream: 0x7261_6E64 + UInt64(draw))
      return try Ranking(generator.permutation(count).map(Double.init), wrong)
    }
    result.baselines = [
      "training loss": try ranking(trained.model.losses(of: parts.training), wrong),
      "random": Ranking(meanOf: random),
    ]
    if options.keepScores { result.wrongRows = wrong.sorted() }
    return CellResult(
      result, costs: costs,
      scores: [
        CellScores(
          "harm", about: "harm to the mean validation query; high marks examples to look at",
          rows: harms),
        CellScores("self", about: "self-influence; high marks examples to look at", rows: selves),
      ].filter { !$0.rows.isEmpty })
  }

  func lists(of result: Result) -> [ResultList] {
    [("harm", result.harm), ("self", result.own), ("baselines", result.baselines)].flatMap {
      field, rankings in
      rankings.map { ResultList("\(field).\($0).curve", $1.curve, of: Self.shares.count) }
    }
  }

  private func ranking(_ scores: [Double], _ wrong: Set<Int>) throws -> Ranking {
    var ranking = try Ranking(scores, wrong)
    if options.keepScores { ranking.scores = scores }
    return ranking
  }
}
