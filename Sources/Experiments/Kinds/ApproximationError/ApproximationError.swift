internal import InfluenceKit
internal import OrderedCollections

/// How close each approximation is to exact influence as the rank of the adapters grows.
///
/// DataInf's figure 1: Pearson's correlation of approximate with exact influence on the mean validation
/// loss, against the rank of LoRA. The closed form swaps a mean and an inverse, whose difference grows with
/// the number of columns of a block.
struct ApproximationError: ExperimentOnExamples {
  static let kind = "approximation-error"
  static let summary = "How close is each approximation to exact as LoRA's rank grows"
  static let source = "DataInf (arXiv 2310.00902), figure 1."

  static let settings =
    [
      Setting(
        "ranks", .integers(1...1024), standard: [1, 2, 4, 8], help: "ranks of the LoRA adapters"),
      Setting.methods(
        "methods",
        [
          HessianFree.name, BlockNormalized.name, DataInf.name, "\(LiSSA.name):depth=10",
          ExactFisher.name,
        ], help: "what is held against exact"),
    ]
    + LabelledExamples.settings(
      .init(base: 597, training: 900, validation: 200, test: 100, flip: 0.2))
    + PerceptronPlan.settings(
      .init(hidden: [128, 64], epochs: 20, rank: 4), includesRank: false)

  struct Result: Codable, Sendable {
    /// The number of columns of the gradients.
    var columns: Int
    var testAccuracy: Double
    /// The agreement of each method with exact influence; of exact itself too.
    var methods: OrderedDictionary<String, Agreement>
  }

  /// How close the scores of a method are to exact ones.
  struct Agreement: Codable, Sendable {
    /// Of the scores of the mean validation query.
    @NullWhenNil var meanQueryPearson: Double?
    @NullWhenNil var meanQuerySpearman: Double?
    /// Means over the validation queries.
    @NullWhenNil var pearson: Double?
    @NullWhenNil var spearman: Double?
    @NullWhenNil var top10PercentOverlap: Double?
    /// How well the scores find wrong labels.
    @NullWhenNil var flippedAUC: Double?
    /// The median residual of the method's solutions.
    @NullWhenNil var residual: Double?
    /// The score of each training example for the mean validation query.
    var meanQueryScores: [Double]

    init(_ entry: MethodComparison.Entry) {
      meanQueryPearson = entry.meanQueryAgreement.meanPearson
      meanQuerySpearman = entry.meanQueryAgreement.meanSpearman
      pearson = entry.agreement.meanPearson
      spearman = entry.agreement.meanSpearman
      top10PercentOverlap = entry.agreement.meanTopOverlap
      flippedAUC = entry.detection?.areaUnderROC
      residual = entry.medianResidual
      meanQueryScores = entry.scores.values.meanRow().elements
    }
  }

  typealias Costs = OrderedDictionary<String, Seconds>

  struct Seconds: Codable, Sendable {
    var fitSeconds: Double
    var scoreSeconds: Double
  }

  let ranks: [Int]
  let methods: [String]
  let data: LabelledExamples
  private let plan: PerceptronPlan

  init(_ settings: Settings) throws {
    ranks = settings.integers("ranks")
    try settings.requireDistinct(ranks, "ranks", "a rank")
    methods = settings.texts("methods").filter { $0 != MethodComparison.reference }
    guard !methods.isEmpty else {
      throw settings.invalid("methods", "there is nothing to hold against exact; add a method")
    }
    data = try LabelledExamples(settings)
    plan = PerceptronPlan(settings)
  }

  var points: [Int] { ranks }
  func name(of rank: Int) -> String? { "rank-\(rank)" }

  func compute(
    seed: UInt64, at rank: Int, _ context: CellContext
  ) throws -> CellResult<Self> {
    var plan = plan
    plan.rank = rank
    let trained = try TrainingTask(data, plan).trained(seed: seed, progress: context.progress)
    let wrong = trained.parts.wrongRows
    let gradients = try trained.gradients(for: methods)
    let comparison = try MethodComparison(
      of: methods, training: gradients.training, queries: gradients.queries,
      flipped: wrong.isEmpty ? nil : wrong, progress: context.progress)
    var result = Result(
      columns: gradients.training.layout.columnCount,
      testAccuracy: try trained.answers(to: trained.parts.test).accuracy, methods: [:])
    var costs: Costs = [:]
    for entry in comparison.entries {
      result.methods[entry.specification] = Agreement(entry)
      costs[entry.specification] = Seconds(
        fitSeconds: entry.fitSeconds, scoreSeconds: entry.scoreSeconds)
    }
    return CellResult(
      result, costs: costs,
      scores: [
        CellScores(
          "mean-query", about: "score for the mean validation query; positive is helpful",
          rows: result.methods.mapValues(\.meanQueryScores))
      ])
  }
}
