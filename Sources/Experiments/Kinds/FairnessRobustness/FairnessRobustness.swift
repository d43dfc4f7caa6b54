internal import InfluenceKit
internal import OrderedCollections

/// What trimming training rows by their influence on fairness, robustness or utility does to a classifier.
///
/// Rows are scored for each functional on the validation examples; those without which the functional should
/// fall most are removed, the classifier is trained again, and measured on test examples. A gap's functional has the
/// sign of group 1; where the gap is negative it is multiplied by −1, so that trimming always goes towards
/// parity.
struct FairnessRobustness: ExperimentOnExamples {
  static let kind = "fairness-robustness"
  static let summary =
    "Does removing rows by their influence make a classifier fairer, more robust or better"
  static let source =
    "Revisit, Extend, and Enhance Hessian-Free Influence Functions (arXiv 2405.17490), fairness and robustness; functionals and attack of Chhabra et al. (ICLR 2024)."

  static let settings =
    [
      Setting(
        "budgets", .numbers(0...0.9), standard: [0, 0.02, 0.05, 0.1, 0.2],
        help: "the shares of training rows that are removed, ascending from 0"),
      Setting.draws(3, help: "how many random removals each budget is held against"),
    ] + ClassifierInfluence.settings
    + GroupedExamples.settings(.init(training: 600, validation: 400, test: 1000))
    + ClassifierInfluence.modelSettings(regularization: 1e-3)

  struct Result: Codable, Sendable {
    /// The value of each functional on the validation examples, before trimming.
    var functionals: OrderedDictionary<String, Double>
    /// The quality of the classifier on the validation examples, before trimming.
    var validation: ClassifierQuality
    /// The test accuracy of always saying the more frequent class.
    var majority: Double
    /// What trimming does, by functional and then by method; by `random` and then by draw.
    var trimmed: OrderedDictionary<String, OrderedDictionary<String, Curve>>
  }

  /// What trimming by one list of scores does.
  struct Curve: Codable, Sendable {
    var test: Qualities
    var validation: Qualities
  }

  /// The qualities of the classifiers after trimming: a number for each budget.
  struct Qualities: Codable, Sendable {
    var accuracy: [Double]
    var logLoss: [Double]
    var demographicParity: [Double]
    var equalOpportunity: [Double]
    var robustAccuracy: [Double]
    var attackDistance: [Double]

    init(_ qualities: [ClassifierQuality]) {
      accuracy = qualities.map(\.accuracy)
      logLoss = qualities.map(\.logLoss)
      demographicParity = qualities.map(\.demographicParity)
      equalOpportunity = qualities.map(\.equalOpportunity)
      robustAccuracy = qualities.map(\.robustAccuracy)
      attackDistance = qualities.map(\.attackDistance)
    }
  }

  let budgets: [Double]
  let classifier: ClassifierInfluence.Options
  private let draws: Int
  let data: GroupedExamples
  private let attack: BoundaryAttack
  private let training: NewtonSettings

  init(_ settings: Settings) throws {
    budgets = settings.numbers("budgets")
    guard budgets.first == 0, zip(budgets, budgets.dropFirst()).allSatisfy({ $0 < $1 }),
      budgets.count > 1
    else {
      throw settings.invalid("budgets", "give two or more shares, ascending, the first of them 0")
    }
    draws = settings.integer("random-draws")
    classifier = settings.values()
    attack = try BoundaryAttack(strength: classifier.attack)
    training = NewtonSettings(
      regularization: classifier.model.regularization, tolerance: 1e-9)
    data = try GroupedExamples(settings)
  }

  func compute(
    seed: UInt64, at point: WholeSeed, _ context: CellContext
  ) throws -> CellResult<Self> {
    let parts = try data.parts(seed: seed)
    let model = try LogisticRegression(trainedOn: parts.training.data, settings: training)
    let deployed = BinaryHead(model)
    let queries = try FunctionalQuery.Kind.allCases.map {
      try FunctionalQuery($0, on: parts.validation, deployed: deployed, attack: attack)
    }
    let values = try queries.map { try $0.value(of: deployed) }
    let influence = ClassifierInfluence(of: model, classifier)
    let retraining = Trimming(
      model: model, parts: parts, attack: attack, training: training, budgets: budgets)

    // All lists of scores first: what remains is retraining, and all of that is alike.
    var lists: [(names: [String], scores: [Double])] = []
    for (index, method) in classifier.methods.enumerated() {
      context.progress(method.rawValue, 0.2 * Double(index) / Double(classifier.methods.count))
      let scores = try influence.scores(of: queries, by: method, seed: seed)
      for (place, query) in queries.enumerated() {
        let isReversed = query.kind.gap != nil && values[place] < 0
        let row = scores[place]
        lists.append(
          ([query.kind.rawValue, method.rawValue], isReversed ? row.map { -$0 } : row))
      }
    }
    for draw in 0..<draws {
      var generator = SeededGenerator(seed: seed, stream: 0x7261_6E64 + UInt64(draw))
      lists.append(
        ([Self.random, "\(draw)"], (0..<parts.training.count).map { _ in generator.uniform() }))
    }
    var trimmed: OrderedDictionary<String, OrderedDictionary<String, Curve>> = [:]
    for (index, list) in lists.enumerated() {
      context.progress(
        list.names.joined(separator: ", "), 0.2 + 0.8 * Double(index) / Double(lists.count))
      trimmed[list.names[0], default: [:]][list.names[1]] = try retraining.curve(list.scores)
    }
    let majority = parts.training.data.majorityLabel
    return CellResult(
      Result(
        functionals: OrderedDictionary(
          uniqueKeysWithValues: zip(queries.map(\.kind.rawValue), values)),
        validation: try retraining.quality(of: deployed, on: parts.validation),
        majority: Double(parts.test.data.labels.count { $0 == majority })
          / Double(parts.test.count),
        trimmed: trimmed))
  }
}
