internal import InfluenceKit
internal import OrderedCollections

/// How near methods come to exact influence on the adapters of a language model, and whether they find wrong labels.
///
/// DataInf's sections 5.1 and 5.2 on texts, with every method at every damping: pairs of low rank are trained on texts
/// some of whose labels are wrong, and the scores of each method are held against exact ones of the same λ.
struct LoRAClassification: ExperimentOnExamples {
  static let kind = "lora-classification"
  static let summary =
    "How near methods come to exact influence on a language model's adapters, and which find wrong labels"
  static let source =
    "DataInf (arXiv 2310.00902), sections 5.1 and 5.2; HyperINF (arXiv 2410.05090); noisy labels of arXiv 2405.17490."

  static let settings =
    [
      Setting.methods(
        "methods",
        [
          HessianFree.name, BlockNormalized.name, DataInf.name, HyperINF.name, KFAC.name,
          EKFAC.name, Cosine.name,
        ], help: "methods that are held against exact, at each damping"),
      Setting(
        "dampings", .numbers(.positive), standard: [0.001, 0.01, 0.1, 1, 10],
        help: "λ as shares of each block's mean eigenvalue, for every method"),
      Setting(
        "ranks", .integers(1...1024), standard: [1, 2, 4, 8],
        help: "ranks of the adapters"),
      Setting(
        "targets", .choices(of: AdapterTraining.Targets.self), standard: ["value"],
        help: "the maps beside which adapters are put"),
      Setting(
        "neighbours", .integer(1...1000), standard: 20,
        help: "how many nearest texts are asked for their labels"),
    ] + AdapterTraining.classifierSettings + LabelledTexts.settings

  struct Options: Decodable {
    let methods: [String]
    let dampings: [Double]
    let ranks: [Int]
    let targets: [AdapterTraining.Targets]
    let neighbours: Int
  }

  /// Which adapters.
  struct Point: Hashable, Sendable {
    let targets: AdapterTraining.Targets
    let rank: Int
  }

  struct Result: Codable, Sendable {
    var examples: Int
    var wrongLabels: Int
    /// The number of columns of the gradients.
    var columns: Int
    var testAccuracy: Double
    /// The share of the wrong labels that the model predicts.
    var wrongLabelsLearned: Double
    /// One for each damping, in the order of the settings.
    var dampings: [AtDamping]
    /// AUC of rankings that need no gradients, by name.
    var baselines: OrderedDictionary<String, Double>
  }

  struct AtDamping: Codable, Sendable {
    var damping: Double
    /// Exact included.
    var methods: OrderedDictionary<String, Agreement>
  }

  /// How close the scores of a method are to exact ones, and how they find wrong labels.
  struct Agreement: Codable, Sendable {
    /// Means over the validation texts.
    @NullWhenNil var pearson: Double?
    @NullWhenNil var spearman: Double?
    /// Of the scores of the mean validation text.
    @NullWhenNil var meanQueryPearson: Double?
    @NullWhenNil var meanQuerySpearman: Double?
    /// AUC by harm to the mean validation text.
    var harmAUC: Double
    /// AUC by the mean harm to the validation texts, the scores of each divided by their norm.
    var normalizedAUC: Double
    /// AUC by self-influence; nil where it is the same for all.
    @NullWhenNil var selfAUC: Double?

    enum CodingKeys: String, CodingKey {
      case pearson, spearman, meanQueryPearson, meanQuerySpearman
      case harmAUC = "harmAuc"
      case normalizedAUC = "normalizedAuc"
      case selfAUC = "selfAuc"
    }
  }

  typealias Costs = OrderedDictionary<String, Double>

  let options: Options
  let data: LabelledTexts
  private let training: AdapterTraining

  init(_ settings: Settings) throws {
    let options: Options = settings.values()
    self.options = options
    try AdapterTraining.check(options.methods, settings)
    if options.methods.contains(ExactFisher.name) {
      throw settings.invalid("methods", "exact is what the others are held against; leave it out")
    }
    try settings.requireDistinct(options.ranks, "ranks", "a rank")
    try settings.requireDistinct(options.dampings, "dampings", "a damping")
    data = try LabelledTexts(settings)
    try data.requireWrongLabels(settings)
    training = AdapterTraining(settings, of: data.checkpoint)
    // What cannot be made is known before a model is trained.
    for point in points {
      _ = try training.untrained(
        point.targets, rank: point.rank, classCount: data.classCount, seed: 0)
    }
  }

  var points: [Point] {
    options.targets.flatMap { targets in
      options.ranks.map { Point(targets: targets, rank: $0) }
    }
  }

  func name(of point: Point) -> String? { "\(point.targets.rawValue)/rank-\(point.rank)" }

  func compute(
    seed: UInt64, at point: Point, _ context: CellContext
  ) throws -> CellResult<Self> {
    var watch = StageWatch()
    let trained = try watch.time("training") {
      try training.task(on: data, point.targets, rank: point.rank)
        .trained(seed: seed, progress: context.progress)
    }
    let parts = trained.parts
    let wrong = parts.wrongRows
    context.progress("gradients", 0)
    let gradients = try watch.time("gradients") { try trained.gradients(for: options.methods) }
    let isLearned = try trained.answers(to: parts.training).isCorrect
    var result = Result(
      examples: parts.training.count, wrongLabels: wrong.count,
      columns: gradients.training.layout.columnCount,
      testAccuracy: try trained.answers(to: parts.test).accuracy,
      wrongLabelsLearned: Double(wrong.count { isLearned[$0] }) / Double(wrong.count),
      dampings: [], baselines: [:])
    var costs = watch.seconds
    for damping in options.dampings {
      context.progress(
        "damping \(damping)", Double(result.dampings.count) / Double(options.dampings.count))
      result.dampings.append(
        AtDamping(
          damping: damping,
          methods: try agreements(gradients, damping: damping, wrong: wrong, costs: &costs)))
    }
    result.baselines = [
      "training loss": try Detection.areaUnderROC(
        scores: trained.model.losses(of: parts.training), positives: wrong),
      "neighbours": try Detection.areaUnderROC(
        scores: disagreement(trained), positives: wrong),
    ]
    return CellResult(result, costs: costs)
  }

  /// All methods at one damping.
  private func agreements(
    _ gradients: GradientPair, damping: Double, wrong: Set<Int>, costs: inout Costs
  ) throws -> OrderedDictionary<String, Agreement> {
    let options = CurvatureOptions(damping: .relative(damping), certifies: false)
    let comparison = try MethodComparison(
      of: self.options.methods, training: gradients.training, queries: gradients.queries,
      options: options, flipped: wrong)
    let estimators = try comparison.entries.map {
      try EstimatorCatalog.estimator($0.specification)
    }
    let own = try Curvature(fitting: estimators, on: gradients.training, options: options)
      .selfInfluence()
    var agreements: OrderedDictionary<String, Agreement> = [:]
    for (entry, own) in zip(comparison.entries, own) {
      let normalized = try RowAggregate.row(of: entry.scores.values, by: .normalizedMean)
      guard let found = entry.detection else { preconditionFailure("wrong labels are known") }
      agreements[entry.specification] = Agreement(
        pearson: entry.agreement.meanPearson, spearman: entry.agreement.meanSpearman,
        meanQueryPearson: entry.meanQueryAgreement.meanPearson,
        meanQuerySpearman: entry.meanQueryAgreement.meanSpearman,
        harmAUC: found.areaUnderROC,
        normalizedAUC: try Detection.areaUnderROC(
          scores: normalized.elements.map { -$0 }, positives: wrong),
        selfAUC: HarmScores.isConstant(own.values)
          ? nil : try Detection.areaUnderROC(scores: own.values, positives: wrong))
      costs["\(entry.specification), \(damping) seconds"] = entry.fitSeconds + entry.scoreSeconds
    }
    return agreements
  }

  /// How many of each training text's nearest ones have another label.
  private func disagreement(_ trained: TrainedTask<FineTunedModel>) throws -> [Double] {
    let texts = trained.parts.training
    let examples = try trained.model.model.representations(of: texts)
    let labels = try trained.answers(to: texts).labels
    return try NeighbourLabels(
      among: examples, labels: labels, count: min(options.neighbours, texts.count - 1)
    ).disagreement
  }
}
