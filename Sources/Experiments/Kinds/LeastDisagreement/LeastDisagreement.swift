internal import Data
public import OrderedCollections
internal import Evaluation
internal import LinearAlgebra
internal import Models
internal import RealModule
internal import TensorFiles

/// Whether labelling the examples on which a classifier is least sure saves labels, by the least disagree metric.
///
/// A network starts with few labels, and asks for more in batches that a rule chooses; it is trained anew each time.
/// And how far the metric's estimate is from its closed form, the angle over π, for a linear rule on normal inputs.
public struct LeastDisagreement: Experiment {
  /// `least-disagree`.
  public static let kind = "least-disagree"
  /// The question.
  public static let summary =
    "Does labelling by the least disagree metric save labels, and is it exact"
  /// Cho and others.
  public static let source =
    "Querying Easily Flip-flopped Samples for Deep Active Learning (arXiv 2401.09787), LDM-S."

  /// Data, model, rules, closed form.
  public static let settings =
    [
      Setting(
        "rules", .choices(QueryRule.allCases.map(\.rawValue)),
        standard: ["ldm-s", "entropy", "margin", "k-center", "random"],
        help: "how the next examples to label are chosen"),
      Setting("start", .integer(.counting), standard: 20, help: "labels at the beginning"),
      Setting("batch", .integer(.counting), standard: 20, help: "labels of one round, q"),
      Setting("rounds", .integer(.counting), standard: 10, help: "rounds of labelling"),
      Setting(
        "patience", .integer(.counting), standard: 10,
        help: "changes in a row that lower nothing before the next deviation, s"),
      Setting(
        "data.set", .choice(["digits", "mnist"]), standard: "digits",
        help: "the data set; mnist needs data.folder"),
      Setting("data.folder", .path, help: "the folder of data sets that docs/data.md describes"),
      Setting(
        "data.training", .integer(.counting), standard: 1000,
        help: "examples, of which the rules choose those to label"),
      Setting(
        "data.test", .integer(.counting), standard: 700, help: "examples for the accuracy"),
      Setting(
        "closed-form.dimensions", .integers(2...4096), standard: [2, 5, 10, 30],
        help: "numbers of features of the linear rule"),
      Setting(
        "closed-form.patience", .integers(.counting), standard: [1, 10, 100],
        help: "patiences that the estimate is made with"),
      Setting(
        "closed-form.pool", .integer(3...1_000_000), standard: 300,
        help: "examples whose metric is estimated"),
      Setting(
        "closed-form.reference", .integer(.counting), standard: 3000,
        help: "examples on which hypotheses are compared"),
    ]
    + ExampleSource.settings.filter { ["data.pool", "data.pooling"].contains($0.key) }
    + NetworkTask.settings(.init(hidden: [32], epochs: 60))

  let rules: [QueryRule]
  let labelCounts: [Int]
  let dimensions: [Int]
  let patiences: [Int]
  private let batch: Int
  private let metric: LeastDisagreeSettings
  private let poolCount: Int
  private let testCount: Int
  private let formPool: Int
  private let formReference: Int
  private let source: ExampleSource
  private let network: NetworkTask

  /// Checks what goes together, and opens the data.
  public init(_ settings: Settings) throws {
    rules = settings.texts("rules").compactMap(QueryRule.init)
    let (start, rounds) = (settings.integer("start"), settings.integer("rounds"))
    batch = settings.integer("batch")
    poolCount = settings.integer("data.training")
    testCount = settings.integer("data.test")
    let (labels, overflows) = rounds.multipliedReportingOverflow(by: batch)
    guard !overflows, labels < poolCount, start <= poolCount - labels else {
      throw settings.invalid(
        "rounds",
        "\(start) labels and \(rounds) rounds of \(batch) are more than the \(poolCount) examples; ask for fewer"
      )
    }
    labelCounts = (0...rounds).map { start + $0 * settings.integer("batch") }
    metric = LeastDisagreeSettings(patience: settings.integer("patience"))
    dimensions = settings.integers("closed-form.dimensions").sorted()
    patiences = settings.integers("closed-form.patience").sorted()
    for (key, values) in [
      ("closed-form.dimensions", dimensions), ("closed-form.patience", patiences),
    ] where Set(values).count < values.count {
      throw settings.invalid(key, "a number is given twice")
    }
    formPool = settings.integer("closed-form.pool")
    formReference = settings.integer("closed-form.reference")
    source = try ExampleSource(settings)
    let available = source.pool.count
    let needed = poolCount + (source.held == nil ? testCount : 0)
    guard needed <= available else {
      throw settings.invalid(
        "data.training",
        "\(source.name) has \(available) examples, and \(needed) are asked for; ask for fewer")
    }
    if let held = source.held, held.count < testCount {
      throw settings.invalid(
        "data.test",
        "\(source.name) has \(held.count) test examples, and \(testCount) are asked for; ask for fewer"
      )
    }
    network = NetworkTask(settings)
  }

  /// The data set.
  public var inputs: OrderedDictionary<String, String> { [source.name: source.fingerprint] }

  /// One cell a seed and rule, and one a seed and dimension.
  public func cells(seeds: [UInt64]) -> [ExperimentCell] {
    seeds.flatMap { seed in
      rules.map { rule in
        ExperimentCell(Self.cell(seed, rule)) { try learn(seed: seed, rule, $0) }
      }
        + dimensions.map { dimension in
          ExperimentCell(Self.formCell(seed, dimension)) { _ in
            try compareWithClosedForm(seed: seed, dimension)
          }
        }
    }
  }

  static func cell(_ seed: UInt64, _ rule: QueryRule) -> String { "seed-\(seed)/\(rule.rawValue)" }
  static func formCell(_ seed: UInt64, _ dimension: Int) -> String {
    "seed-\(seed)/closed-form-\(dimension)"
  }

  /// Labels, trains, asks, until all labels are given.
  private func learn(
    seed: UInt64, _ rule: QueryRule, _ context: CellContext
  ) throws -> CellResult {
    let pool: TabularDataSet<Double>
    let test: TabularDataSet<Double>
    if let held = source.held {
      pool = try source.pool.split(counts: [poolCount], seed: seed)[0]
      test = try held.split(counts: [testCount], seed: seed)[0]
    } else {
      let parts = try source.pool.split(counts: [poolCount, testCount], seed: seed)
      (pool, test) = (parts[0], parts[1])
    }
    // A split is in random order: the first examples are the same random ones for every rule.
    var labelled = Array(0..<labelCounts[0])
    var others = Array(labelCounts[0]..<pool.count)
    var accuracies: [Double] = []
    var classes: [Int] = []
    let clock = ContinuousClock()
    var choosing = 0.0
    for round in labelCounts.indices {
      context.progress("\(labelled.count) labels", Double(round) / Double(labelCounts.count))
      let data = pool.selecting(labelled)
      let model = try network.trained(on: data, seed: seed)
      accuracies.append(try model.accuracy(on: test))
      classes.append(Set(data.labels).count)
      guard round < labelCounts.count - 1 else { break }
      let start = clock.now
      let chosen = try rule.rows(
        batch, of: pool.features.selecting(rows: others), labelled: data.features, model: model,
        metric: metric, seed: seed &* 1_000_003 &+ UInt64(round))
      choosing += (clock.now - start) / .seconds(1)
      labelled += chosen.map { others[$0] }
      let taken = Set(chosen)
      others = others.indices.filter { !taken.contains($0) }.map { others[$0] }
    }
    return CellResult(
      values: [
        "accuracies": .numbers(accuracies), "classes": .integers(classes),
        "labelled": .integers(labelled),
      ], costs: ["choosing_seconds": .number(choosing)])
  }

  /// The estimate of a linear rule without bias, against arcsin(|wᵀx|/(‖w‖‖x‖))/π.
  private func compareWithClosedForm(seed: UInt64, _ dimension: Int) throws -> CellResult {
    var generator = SeededGenerator(seed: seed, stream: 0x666F_726D + UInt64(dimension) << 32)
    let weights = Matrix<Double>.normal(1, dimension, using: &generator)
    // ‖w‖ = 1, so that the deviations reach from next to nothing to past a right angle.
    let norm = weights.elements.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let unit = weights.elements.map { $0 / norm }
    let pool = Matrix<Double>.normal(formPool, dimension, using: &generator)
    let reference = Matrix<Double>.normal(formReference, dimension, using: &generator)
    let head = try LinearHead(weights: Matrix(rows: 1, columns: dimension, elements: unit))
    let exact = (0..<pool.rows).map { row in
      let x = pool[row: row]
      let length = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let dot = zip(x, unit).reduce(0) { $0 + $1.0 * $1.1 }
      return Double.asin(min(1, abs(dot) / length)) / .pi
    }
    var found: OrderedDictionary<String, OrderedJSON> = [:]
    var sample: OrderedJSON = .null
    for patience in patiences {
      let estimate = try LeastDisagreeMetric(
        head: head, pool: pool, reference: reference,
        settings: LeastDisagreeSettings(patience: patience, seed: seed))
      let values = estimate.values
      found["\(patience)"] = [
        "draws": .integer(estimate.draws),
        "mean_error": .number(
          zip(values, exact).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(exact.count)),
        "mean_ratio": .number(values.reduce(0, +) / exact.reduce(0, +)),
        "spearman": .number(try Correlation.spearman(values, exact)),
      ]
      sample = .numbers(values)
    }
    return CellResult(
      values: ["patiences": .object(found), "exact": .numbers(exact), "estimate": sample])
  }
}
