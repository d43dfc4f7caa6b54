internal import InfluenceKit
internal import OrderedCollections

/// How accurate a model becomes that is trained anew on the best examples only.
///
/// DataInf's appendix F keeps the best 70 % of noisy training data. Scores are of the mean loss of clean
/// validation examples; accuracy is that on test examples which no score has seen, after a number of epochs
/// that was fixed beforehand. Against: all examples, as many at random, those of the lowest training loss,
/// and all whose labels are right.
struct SelectedData: ExperimentOnExamples {
  static let kind = "data-selection"
  static let summary =
    "How accurate is a model that is trained anew on the best-scored examples"
  static let source =
    "DataInf (arXiv 2310.00902), appendix F; trimming of arXiv 2405.17490."

  static let settings =
    [
      Setting.methods(
        "methods",
        [
          HessianFree.name, Cosine.name, DataInf.name, Shampoo.name, EKFAC.name, ExactFisher.name,
          RelatIFLoss.name,
        ], help: "methods whose scores of the mean validation query choose examples"),
      Setting.methods(
        "self-methods", [HessianFree.name, EKFAC.name],
        help: "methods whose self-influence chooses examples: those of the lowest stay"),
      Setting(
        "shares", .numbers(0.001...1), standard: [0.9, 0.7, 0.5, 0.3],
        help: "shares of the training examples that are kept; all of them are always trained on"),
      Setting.draws(5, help: "random choices of each size"),
      Setting(
        "retrainings", .integer(1...1000), standard: 1,
        help: "initial weights that each choice is trained from; their mean accuracy counts"),
      PerceptronPlan.layersSetting,
    ]
    + LabelledExamples.settings(.init(training: 900, validation: 200, test: 600, flip: 0.2))
    + PerceptronPlan.settings(.init(hidden: [32], epochs: 20))

  struct Options: Decodable {
    let methods: [String]
    let selfMethods: [String]
    let shares: [Double]
    let randomDraws: Int
    let retrainings: Int
  }

  struct Result: Codable, Sendable {
    /// The share of training labels that are wrong.
    var wrongShare: Double
    /// What comes of training on each choice of examples, by the choice's name.
    var choices: OrderedDictionary<String, Choice>
  }

  /// What comes of training on the best examples by one ranking: a number for each share that is kept.
  struct Choice: Codable, Sendable {
    /// On the test examples.
    var accuracies: [Double] = []
    /// The shares of wrong labels among the kept examples.
    var wrongShares: [Double] = []
    /// The shares of its examples that stay of the class that loses most.
    var leastClassShares: [Double] = []

    mutating func append(accuracy: Double, wrongShare: Double, leastClassShare: Double) {
      accuracies.append(accuracy)
      wrongShares.append(wrongShare)
      leastClassShares.append(leastClassShare)
    }

    /// The means over draws, where a number of draws of the first share stands before those of the next.
    func averaged(over draws: Int) -> Choice {
      func means(_ values: [Double]) -> [Double] {
        (0..<values.count / draws).map { share in
          values[share * draws..<(share + 1) * draws].reduce(0, +) / Double(draws)
        }
      }
      return Choice(
        accuracies: means(accuracies), wrongShares: means(wrongShares),
        leastClassShares: means(leastClassShares))
    }
  }

  let options: Options
  /// The shares below 1, the largest first.
  let shares: [Double]
  let task: TrainingTask<LabelledExamples, TrainedPerceptron<Double>>
  var data: LabelledExamples { task.source }

  init(_ settings: Settings) throws {
    options = settings.values()
    try HarmScores.check(options.methods, settings)
    try HarmScores.check(options.selfMethods, settings, key: "self-methods")
    shares = options.shares.filter { $0 < 1 }.sorted(by: >)
    try settings.requireDistinct(shares, "shares", "a share")
    guard !shares.isEmpty else {
      throw settings.invalid("shares", "nothing would be left out; give a share below 1")
    }
    let data = try LabelledExamples(settings)
    try data.requireWrongLabels(settings)
    task = TrainingTask(
      data, try PerceptronPlan(settings, methods: options.methods + options.selfMethods))
  }

  static let all = "all"
  static let right = "right labels alone"
  static let random = "random"

  static func ownName(_ method: String) -> String { "self-influence: \(method)" }

  func compute(
    seed: UInt64, at point: WholeSeed, _ context: CellContext
  ) throws -> CellResult<Self> {
    let trained = try task.trained(seed: seed, progress: context.progress)
    let parts = trained.parts
    let count = parts.training.count
    context.progress("scores", 0)
    let all = OrderedSet(options.methods + options.selfMethods)
    let gradients = try trained.gradients(for: Array(all))
    var rankings: OrderedDictionary<String, [Double]> = [:]
    var own: OrderedDictionary<String, [Double]> = [:]
    for method in all {
      let scores = try HarmScores(
        of: method, gradients, includesSelf: options.selfMethods.contains(method))
      if options.methods.contains(method) { rankings[method] = scores.harm }
      if options.selfMethods.contains(method) { own[Self.ownName(method)] = scores.selfInfluence }
    }
    rankings.merge(own) { $1 }
    rankings["training loss"] = try trained.model.losses(of: parts.training)
    var choices = [ChosenRows(Self.all, Array(0..<count))]
    // Rows of high harm go first.
    for (name, harm) in rankings {
      for share in shares {
        choices.append(
          ChosenRows(name, try DataSelection.rows(keeping: share, scores: harm.map { -$0 })))
      }
    }
    for share in shares {
      let kept = try Ranking.topCount(fraction: share, of: count)
      for draw in 0..<options.randomDraws {
        choices.append(.random(Self.random, kept, of: count, seed: seed, draw: draw))
      }
    }
    choices.append(
      ChosenRows(Self.right, (0..<count).filter { !parts.wrongRows.contains($0) }))
    context.progress("\(choices.count) choices are trained on", 0)
    // The first has the weights and the seed of the model that was scored.
    let accuracies = try trained.accuracies(
      after: choices.map(\.rows),
      seeds: (0..<UInt64(options.retrainings)).map { seed &+ $0 &* 1_000_003 })
    return CellResult(result(choices, accuracies, parts))
  }

  private func result(
    _ choices: [ChosenRows], _ accuracies: [Double], _ parts: ExampleParts<TabularDataSet<Double>>
  ) -> Result {
    var result = Result(
      wrongShare: Double(parts.wrongRows.count) / Double(parts.training.count), choices: [:])
    for (choice, accuracy) in zip(choices, accuracies) {
      result.choices[choice.name, default: Choice()].append(
        accuracy: accuracy, wrongShare: choice.share(of: parts.wrongRows),
        leastClassShare: choice.leastShareOfAClass(parts.training.labels))
    }
    if let random = result.choices[Self.random] {
      result.choices[Self.random] = random.averaged(over: options.randomDraws)
    }
    return result
  }
}
