internal import Data
public import OrderedCollections
internal import Evaluation
internal import LinearAlgebra
internal import Models
internal import TensorFiles

/// What trimming training rows by their influence on fairness, robustness or utility does to a classifier.
///
/// Rows are scored for each functional on the validation examples; those without which the functional should
/// fall most are removed, the classifier is trained again, and measured on test examples. A gap's functional has the
/// sign of group 1; where the gap is negative it is multiplied by −1, so that trimming always goes towards
/// parity.
public struct FairnessRobustness: Experiment {
  /// `fairness-robustness`.
  public static let kind = "fairness-robustness"
  /// The question.
  public static let summary =
    "Does removing rows by their influence make a classifier fairer, more robust or better"
  /// The paper, and those whose functionals it takes.
  public static let source =
    "Revisit, Extend, and Enhance Hessian-Free Influence Functions (arXiv 2405.17490), fairness and robustness; functionals and attack of Chhabra et al. (ICLR 2024)."

  /// Data, budgets, methods.
  public static let settings =
    [
      Setting(
        "budgets", .numbers(0...0.9), standard: [0, 0.02, 0.05, 0.1, 0.2],
        help: "the shares of training rows that are removed, ascending from 0"),
      Setting(
        "random-draws", .integer(1...1000), standard: 3,
        help: "how many random removals each budget is held against"),
    ] + ClassifierInfluence.settings
    + GroupedTask.settings(.init(training: 600, validation: 400, test: 1000))
    + ClassifierInfluence.modelSettings(regularization: 1e-3)

  let budgets: [Double]
  let methods: [ClassifierInfluence.Method]
  private let draws: Int
  private let data: GroupedTask
  private let attack: BoundaryAttack
  private let training: NewtonSettings
  private let settings: Settings

  /// Opens the data.
  public init(_ settings: Settings) throws {
    self.settings = settings
    budgets = settings.numbers("budgets")
    guard budgets.first == 0, zip(budgets, budgets.dropFirst()).allSatisfy({ $0 < $1 }),
      budgets.count > 1
    else {
      throw settings.invalid("budgets", "give two or more shares, ascending, the first of them 0")
    }
    methods = settings.texts("methods").compactMap { ClassifierInfluence.Method(rawValue: $0) }
    draws = settings.integer("random-draws")
    attack = try BoundaryAttack(strength: settings.number("attack"))
    training = NewtonSettings(
      regularization: settings.number("model.regularization"), tolerance: 1e-9)
    data = try GroupedTask(settings)
  }

  /// The data set.
  public var inputs: OrderedDictionary<String, String> {
    OrderedDictionary(uniqueKeysWithValues: data.inputs)
  }

  /// One cell a seed.
  public func cells(seeds: [UInt64]) -> [ExperimentCell] {
    seeds.map { seed in ExperimentCell(Self.cell(seed)) { try compute(seed: seed, $0) } }
  }

  static func cell(_ seed: UInt64) -> String { "seed-\(seed)" }

  private func compute(seed: UInt64, _ context: CellContext) throws -> CellResult {
    let parts = try data.parts(seed: seed)
    let model = try LogisticRegression(trainedOn: parts.training.data, settings: training)
    let deployed = BinaryHead(model)
    let queries = try FunctionalQuery.Kind.allCases.map {
      try FunctionalQuery($0, on: parts.validation, deployed: deployed, attack: attack)
    }
    let values = try queries.map { try $0.value(of: deployed) }
    let influence = ClassifierInfluence(of: model, settings)
    let retraining = Trimming(
      model: model, parts: parts, attack: attack, training: training, budgets: budgets)

    // All lists of scores first: what remains is retraining, and all of that is alike.
    var lists: [(names: [String], scores: [Double])] = []
    for (index, method) in methods.enumerated() {
      context.progress(method.rawValue, 0.2 * Double(index) / Double(methods.count))
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
        (["random", "\(draw)"], (0..<parts.training.count).map { _ in generator.uniform() }))
    }
    var trimmed: OrderedDictionary<String, OrderedDictionary<String, OrderedJSON>> = [:]
    for (index, list) in lists.enumerated() {
      context.progress(
        list.names.joined(separator: ", "), 0.2 + 0.8 * Double(index) / Double(lists.count))
      trimmed[list.names[0], default: [:]][list.names[1]] = try retraining.curve(list.scores)
    }
    return CellResult(values: [
      "functionals": .object(
        OrderedDictionary(
          uniqueKeysWithValues: zip(queries, values).map { ($0.kind.rawValue, .number($1)) })),
      "validation": try retraining.quality(of: deployed, on: parts.validation).json,
      "majority": .number(
        Double(parts.test.data.labels.count { $0 == parts.training.data.majorityLabel })
          / Double(parts.test.count)),
      "trimmed": .object(trimmed.mapValues { .object($0) }),
    ])
  }
}

/// Training again without the lowest-scored rows.
struct Trimming: Sendable {
  let model: LogisticRegression
  let parts: GroupedTask.Parts
  let attack: BoundaryAttack
  let training: NewtonSettings
  let budgets: [Double]

  func quality(
    of head: BinaryHead, on examples: GroupedDataSet<Double>
  ) throws -> ClassifierQuality {
    try ClassifierQuality(
      of: head, on: examples, deployed: BinaryHead(model), attack: attack)
  }

  /// Qualities on test and validation, a list of one number a budget each.
  func curve(_ scores: [Double]) throws -> OrderedJSON {
    let qualities = try Parallelism.map(budgets.count) { index in
      let rows = try TrimCurve.rows(removing: budgets[index], scores: scores)
      let head =
        rows.count == scores.count
        ? BinaryHead(model)
        : BinaryHead(
          try model.retrained(on: parts.training.data.selecting(rows), settings: training))
      return (
        test: try quality(of: head, on: parts.test),
        validation: try quality(of: head, on: parts.validation)
      )
    }
    func lists(_ qualities: [ClassifierQuality]) -> OrderedJSON {
      let rows = qualities.map { $0.json.object ?? [:] }
      let keys = rows.first?.keys.elements ?? []
      return .object(
        OrderedDictionary(
          uniqueKeysWithValues: keys.map { key in
            (key, .array(rows.map { $0[key] ?? .null }))
          }))
    }
    return ["test": lists(qualities.map(\.test)), "validation": lists(qualities.map(\.validation))]
  }
}
