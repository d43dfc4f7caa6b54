internal import InfluenceKit
internal import OrderedCollections

/// Whether outlying gradients mark wrong labels, and whether training is better without them.
///
/// Outlier gradient analysis drops both the query and the curvature: an isolation forest, or a norm, on the gradients
/// of the training examples. Against self-influence, harm to the mean validation query, training loss and chance,
/// where wrong labels are of any class, and where they are all of the next class and so no outliers. Test examples
/// are looked at once, after a number of epochs that was fixed beforehand.
struct OutlierGradients: ExperimentOnExamples {
  static let kind = "outlier-gradients"
  static let summary =
    "Do outlying gradients mark wrong labels, and is training better without"
  static let source = "Outlier Gradient Analysis (arXiv 2405.03869), CIFAR-10N and trimming."

  static let settings =
    [
      Setting(
        "noise", .choices(of: Noise.self), standard: ["uniform", "next-class"],
        help:
          "how labels are made wrong: to any other class, or each class to the next; not for cifar10n"
      ),
      Setting(
        "regions", .choices(of: Region.self),
        standard: ["all-layers", "last-layer"], help: "whose gradients are looked at"),
      Setting.methods(
        "self-methods", [ExactFisher.name, DataInf.name],
        help: "methods whose self-influence and harm to the mean validation query rank examples"),
      Setting(
        "trims", .numbers(0.001...0.999), standard: [0.05, 0.1, 0.2],
        help: "shares of the training examples that are left out"),
      Setting.draws(5, help: "random orders of each seed"),
      Setting(
        "forest.trees", .integer(1...100_000), standard: 100,
        help: "trees of the isolation forest"),
      Setting(
        "forest.sample", .integer(2...1_000_000), standard: 256,
        help: "examples that a tree is grown on"),
      Setting.flag(
        "keep-scores", false,
        help: "whether every example's scores and the wrong rows are written to the results"),
    ]
    + LabelledExamples.settings(.init(training: 900, validation: 200, test: 600, flip: 0.2))
    + PerceptronPlan.settings(.init(hidden: [32], epochs: 20)) + NetworkPlan.settings

  enum Noise: String, CaseIterable, Decodable {
    case uniform
    case nextClass = "next-class"
  }

  enum Region: String, CaseIterable, Decodable {
    case allLayers = "all-layers"
    case lastLayer = "last-layer"
  }

  struct Options: Decodable {
    let noise: [String]
    let regions: [Region]
    let selfMethods: [String]
    let trims: [Double]
    let randomDraws: Int
    let forest: Forest
    let keepScores: Bool

    struct Forest: Decodable {
      let trees: Int
      let sample: Int
    }
  }

  struct Result: Codable, Sendable {
    /// The test accuracy after training on all examples.
    var all: Double
    /// The test accuracy after training on the examples whose labels are right.
    var rightLabels: Double
    var wrongShare: Double
    /// The share of the wrong labels that the model predicts.
    var wrongLabelsLearned: Double
    /// What each ranking finds, and random orders.
    var rankings: OrderedDictionary<String, Ranking>
    /// The rows of the wrong labels, where scores are kept.
    var wrongRows: [Int]?
  }

  /// What one order of the examples finds; lists have a number for each share that is left out.
  struct Ranking: Codable, Sendable {
    var auc: Double
    /// The shares of the wrong labels that are left out.
    var recalls: [Double]
    /// The test accuracies after training without the highest.
    var accuracies: [Double]
    /// The score of each example, where scores are kept.
    var scores: [Double]?
  }

  typealias Costs = OrderedDictionary<String, Double>

  let options: Options
  /// The shares that are left out, ascending.
  let trims: [Double]
  /// The kinds of wrong labels, `people` for those that a data set has.
  let noises: [String]
  let task: TrainingTask<LabelledExamples, TrainedNetwork>
  var data: LabelledExamples { task.source }

  init(_ settings: Settings) throws {
    options = settings.values()
    try HarmScores.check(options.selfMethods, settings, key: "self-methods")
    trims = options.trims.sorted()
    try settings.requireDistinct(trims, "trims", "a share")
    if !options.regions.contains(.allLayers),
      let whole = try PerceptronPlan.firstOfAllLayers(options.selfMethods)
    {
      throw settings.invalid(
        "self-methods", "\(whole) needs the gradients of all layers; add all-layers to regions")
    }
    let data = try LabelledExamples(settings)
    try data.requireWrongLabels(settings)
    noises = data.hasHumanLabels ? ["people"] : options.noise
    var plan = PerceptronPlan(settings)
    plan.lastLayers = options.regions.contains(.allLayers) ? nil : 1
    task = try NetworkPlan(settings, plan, data).task(on: data)
  }

  var points: [String] { noises }
  func name(of noise: String) -> String? { noise }

  /// The names of rankings in the order of tables; `random` is beside them.
  var rankings: [String] {
    options.regions.flatMap { region in Self.measures.map { "\($0), \(region.rawValue)" } }
      + options.selfMethods.map { "self-influence: \($0)" }
      + options.selfMethods.map { "harm: \($0)" }
      + ["training loss"]
  }

  static let random = "random"
  static let measures = ["isolation-forest", "l1", "l2"]

  /// The same examples wrong, each of the class after its true one.
  private static func nextClass(_ parts: ExampleParts<TabularDataSet<Double>>) throws
    -> ExampleParts<TabularDataSet<Double>>
  {
    let count = parts.training.classCount
    guard var labels = parts.trueLabels else { return parts }
    for row in parts.wrongRows { labels[row] = (labels[row] + 1) % count }
    var changed = parts
    changed.training = try parts.training.relabelled(labels)
    return changed
  }

  func compute(
    seed: UInt64, at noise: String, _ context: CellContext
  ) throws -> CellResult<Self> {
    let drawn = try data.parts(seed: seed)
    let parts = noise == Noise.nextClass.rawValue ? try Self.nextClass(drawn) : drawn
    let trained = try task.trained(on: parts, seed: seed, progress: context.progress)
    context.progress("scores", 0)
    var costs: Costs = [:]
    let scores = try scores(of: trained, &costs)
    let wrong = parts.wrongRows
    let count = parts.training.count
    let orders = (0..<options.randomDraws).map { draw in
      var generator = SeededGenerator(seed: seed, stream: 0x6472_6177 + UInt64(draw))
      return generator.permutation(count).map(Double.init)
    }
    let right = (0..<count).filter { !wrong.contains($0) }
    // All, right labels alone, then every trim of every ranking and of every random order.
    var rows = [Array(0..<count), right]
    for order in Array(scores.values) + orders {
      for trim in trims {
        rows.append(try TrimCurve.rows(removing: trim, scores: order.map { -$0 }))
      }
    }
    let choices = rows
    context.progress("\(choices.count) choices are trained on", 0)
    let accuracies = try trained.accuracies(after: choices, seeds: [seed])
    func ranking(_ scores: [Double], _ place: Int) throws -> Ranking {
      let first = 2 + place * trims.count
      let found = try Detection.detectionCurve(scores: scores, positives: wrong)
      return Ranking(
        auc: try Detection.areaUnderROC(scores: scores, positives: wrong),
        recalls: trims.indices.map { found.recall(inspected: count - choices[first + $0].count) },
        accuracies: Array(accuracies[first..<first + trims.count]))
    }
    var rankings: OrderedDictionary<String, Ranking> = [:]
    for (place, (name, values)) in scores.enumerated() {
      rankings[name] = try ranking(values, place)
      if options.keepScores { rankings[name]?.scores = values }
    }
    rankings[Self.random] = Ranking(
      meanOf: try orders.enumerated().map { try ranking($1, scores.count + $0) })
    let isLearned = try trained.answers(to: parts.training).isCorrect
    return CellResult(
      Result(
        all: accuracies[0], rightLabels: accuracies[1],
        wrongShare: Double(wrong.count) / Double(count),
        wrongLabelsLearned: Double(wrong.count { isLearned[$0] }) / Double(wrong.count),
        rankings: rankings,
        wrongRows: options.keepScores ? wrong.sorted() : nil),
      costs: costs)
  }

  /// Every ranking's scores: high ones are left out first.
  private func scores(
    of trained: TrainedTask<TrainedNetwork>, _ costs: inout Costs
  ) throws -> OrderedDictionary<String, [Double]> {
    let gradients = try trained.gradients(for: options.selfMethods)
    let store = gradients.training
    let head = store.layout.blocks.indices.filter {
      store.layout.blocks[$0].name.hasPrefix("head.")
    }
    let forest = IsolationForestSettings(
      trees: options.forest.trees, sample: options.forest.sample, seed: trained.seed)
    let clock = ContinuousClock()
    var scores: OrderedDictionary<String, [Double]> = [:]
    for region in options.regions {
      let blocks = region == .allLayers ? nil : head
      for (name, measure) in zip(
        Self.measures, [.isolationForest(forest), .l1, .l2] as [OutlierMeasure])
      {
        let start = clock.now
        scores["\(name), \(region.rawValue)"] = try store.outlierScores(by: measure, blocks: blocks)
        costs["\(name), \(region.rawValue)"] = (clock.now - start) / .seconds(1)
      }
    }
    var harm: OrderedDictionary<String, [Double]> = [:]
    for method in options.selfMethods {
      let found = try HarmScores(of: method, gradients, includesSelf: true)
      scores["self-influence: \(method)"] = found.selfInfluence
      harm["harm: \(method)"] = found.harm
      costs["self-influence: \(method)"] = found.seconds.fit + found.seconds.selfInfluence
      costs["harm: \(method)"] = found.seconds.fit + found.seconds.harm
    }
    scores.merge(harm) { $1 }
    scores["training loss"] = try trained.model.losses(of: trained.parts.training)
    return scores
  }
}

extension OutlierGradients.Ranking {
  init(meanOf draws: [Self]) {
    func mean(_ value: (Self) -> Double) -> Double {
      draws.reduce(0) { $0 + value($1) } / Double(draws.count)
    }
    func means(_ values: (Self) -> [Double]) -> [Double] {
      (draws.first.map(values) ?? []).indices.map { place in mean { values($0)[place] } }
    }
    self.init(auc: mean(\.auc), recalls: means(\.recalls), accuracies: means(\.accuracies))
  }
}
