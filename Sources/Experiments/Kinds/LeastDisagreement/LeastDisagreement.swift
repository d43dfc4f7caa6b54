internal import InfluenceKit
internal import OrderedCollections
internal import RealModule

/// Whether labelling the examples on which a classifier is least sure saves labels, by the least disagree metric.
///
/// A network starts with few labels, and asks for more in batches that a rule chooses; it is trained anew each time.
/// And how far the metric's estimate is from its closed form, the angle over π, for a linear rule on normal inputs.
struct LeastDisagreement: Experiment {
  static let kind = "least-disagree"
  static let summary =
    "Does labelling by the least disagree metric save labels, and is it exact"
  static let source =
    "Querying Easily Flip-flopped Samples for Deep Active Learning (arXiv 2401.09787), LDM-S."

  static let settings =
    [
      Setting(
        "rules", .choices(of: QueryRule.self),
        standard: ["ldm-s", "entropy", "margin", "k-center", "random"],
        help: "how the next examples to label are chosen"),
      Setting.count("start", 20, help: "labels at the beginning"),
      Setting.count("batch", 20, help: "labels of one round, q"),
      Setting.count("rounds", 10, help: "rounds of labelling"),
      Setting.count(
        "patience", 10, help: "changes in a row that lower nothing before the next deviation, s"),
      Setting(
        "data.set", .choice(["digits", "mnist"]), standard: "digits",
        help: "the data set; mnist needs data.folder"),
      .dataFolder,
      Setting.count(
        "data.training", 1000, help: "examples, of which the rules choose those to label"),
      Setting.count("data.test", 700, help: "examples for the accuracy"),
      Setting(
        "closed-form.dimensions", .integers(2...4096), standard: [2, 5, 10, 30],
        help: "numbers of features of the linear rule"),
      Setting(
        "closed-form.patience", .integers(1...LeastDisagreeSettings.mostPatience),
        standard: [1, 10, 100],
        help: "patiences that the estimate is made with"),
      Setting(
        "closed-form.pool", .integer(3...1_000_000), standard: 300,
        help: "examples whose metric is estimated"),
      Setting.count(
        "closed-form.reference", 3000, help: "examples on which hypotheses are compared"),
    ]
    + LabelledPool.settings.filter { ["data.pool", "data.pooling"].contains($0.key) }
    + PerceptronPlan.settings(.init(hidden: [32], epochs: 60))

  struct Options: Decodable {
    let rules: [QueryRule]
    let start: Int
    let batch: Int
    let rounds: Int
    let patience: Int
    let data: Counts
    let closedForm: Form

    struct Counts: Decodable {
      let training: Int
      let test: Int
    }

    struct Form: Decodable {
      let dimensions: [Int]
      let patience: [Int]
      let pool: Int
      let reference: Int
    }
  }

  /// What is measured of one seed: of learning by one rule, or of the metric in one number of dimensions.
  typealias Result = EitherResult<Learning, ClosedForm>

  /// What comes of learning with the examples that one rule chooses; a number for each round.
  struct Learning: Codable, Sendable {
    /// On the test examples.
    var accuracies: [Double]
    /// The number of classes among the labelled examples.
    var classes: [Int]
    /// The rows that were labelled, in their order.
    var labelled: [Int]
  }

  /// The estimate for a linear rule against its closed form.
  struct ClosedForm: ResultWithOwnField {
    /// How good the estimate is, by patience.
    var patiences: OrderedDictionary<String, Estimate>
    /// The closed form of each example.
    var exact: [Double]
    /// The estimate of each example with the most patience.
    var estimate: [Double]

    enum CodingKeys: String, CodingKey { case patiences, exact, estimate }
    static let ownField = CodingKeys.patiences
  }

  /// How good an estimate is.
  struct Estimate: Codable, Sendable {
    /// The number of changes that were tried.
    var draws: Int
    var meanError: Double
    /// The mean estimate by the mean of the closed form.
    var meanRatio: Double
    /// The rank correlation with the closed form.
    var spearman: Double
  }

  struct Costs: Codable, Sendable {
    var choosingSeconds: Double
  }

  let options: Options
  /// The numbers of labels, one for each round and one for the start.
  let labelCounts: [Int]
  let dimensions: [Int]
  let patiences: [Int]
  private let source: LabelledPool
  private let plan: PerceptronPlan

  init(_ settings: Settings) throws {
    options = settings.values()
    let (start, batch, rounds) = (options.start, options.batch, options.rounds)
    let (poolCount, testCount) = (options.data.training, options.data.test)
    let (labels, overflows) = rounds.multipliedReportingOverflow(by: batch)
    guard !overflows, labels < poolCount, start <= poolCount - labels else {
      throw settings.invalid(
        "rounds",
        "\(start) labels and \(rounds) rounds of \(batch) are more than the \(poolCount) examples; ask for fewer"
      )
    }
    labelCounts = (0...rounds).map { start + $0 * batch }
    dimensions = options.closedForm.dimensions.sorted()
    patiences = options.closedForm.patience.sorted()
    try settings.requireDistinct(dimensions, "closed-form.dimensions", "a number")
    try settings.requireDistinct(patiences, "closed-form.patience", "a number")
    source = try LabelledPool(settings)
    try settings.require(
      poolCount + (source.held == nil ? testCount : 0), of: source.name, with: source.pool.count)
    if let held = source.held {
      try settings.require(
        testCount, of: source.name, with: held.count, "test examples", key: "data.test")
    }
    plan = PerceptronPlan(settings)
  }

  var inputs: OrderedDictionary<String, String> { source.inputs }

  enum Point: Hashable {
    /// Learning with examples that a rule chooses.
    case rule(QueryRule)
    /// The metric in a number of dimensions, against its closed form.
    case closedForm(dimension: Int)
  }

  var points: [Point] { options.rules.map(Point.rule) + dimensions.map(Point.closedForm) }

  func name(of point: Point) -> String? {
    switch point {
    case .rule(let rule): rule.rawValue
    case .closedForm(let dimension): "closed-form-\(dimension)"
    }
  }

  func compute(
    seed: UInt64, at point: Point, _ context: CellContext
  ) throws -> CellResult<Self> {
    switch point {
    case .rule(let rule): try learn(seed: seed, rule, context)
    case .closedForm(let dimension): try compareWithClosedForm(seed: seed, dimension)
    }
  }

  /// Labels, trains, asks, until all labels are given.
  private func learn(
    seed: UInt64, _ rule: QueryRule, _ context: CellContext
  ) throws -> CellResult<Self> {
    let parts = try source.split(
      training: [options.data.training], others: [options.data.test], seed: seed)
    let (pool, test) = (parts[0], parts[1])
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
      let model = try plan.network(for: data).trained(on: data, seed: seed).network
      accuracies.append(try model.accuracy(on: test))
      classes.append(Set(data.labels).count)
      guard round < labelCounts.count - 1 else { break }
      let start = clock.now
      let chosen = try rule.rows(
        options.batch, of: pool.features.selecting(rows: others), labelled: data.features,
        model: model,
        metric: LeastDisagreeSettings(patience: options.patience),
        seed: seed &* 1_000_003 &+ UInt64(round))
      choosing += (clock.now - start) / .seconds(1)
      labelled += chosen.map { others[$0] }
      let taken = Set(chosen)
      others = others.indices.filter { !taken.contains($0) }.map { others[$0] }
    }
    return CellResult(
      .first(Learning(accuracies: accuracies, classes: classes, labelled: labelled)),
      costs: Costs(choosingSeconds: choosing))
  }

  /// The estimate of a linear rule without bias, against arcsin(|wᵀx|/(‖w‖‖x‖))/π.
  private func compareWithClosedForm(
    seed: UInt64, _ dimension: Int
  ) throws -> CellResult<Self> {
    var generator = SeededGenerator(seed: seed, stream: 0x666F_726D + UInt64(dimension) << 32)
    let weights = Matrix<Double>.normal(1, dimension, using: &generator)
    // ‖w‖ = 1, so that the deviations reach from next to nothing to past a right angle.
    let norm = weights.elements.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let unit = weights.elements.map { $0 / norm }
    let pool = Matrix<Double>.normal(options.closedForm.pool, dimension, using: &generator)
    let reference = Matrix<Double>.normal(
      options.closedForm.reference, dimension, using: &generator)
    let head = try LinearHead(weights: Matrix(rows: 1, columns: dimension, elements: unit))
    let exact = (0..<pool.rows).map { row in
      let x = pool[row: row]
      let length = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let dot = zip(x, unit).reduce(0) { $0 + $1.0 * $1.1 }
      return Double.asin(min(1, abs(dot) / length)) / .pi
    }
    var form = ClosedForm(patiences: [:], exact: exact, estimate: [])
    for patience in patiences {
      let estimate = try LeastDisagreeMetric(
        head: head, pool: pool, reference: reference,
        settings: LeastDisagreeSettings(patience: patience, seed: seed))
      let values = estimate.values
      form.patiences["\(patience)"] = Estimate(
        draws: estimate.draws,
        meanError: zip(values, exact).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(exact.count),
        meanRatio: values.reduce(0, +) / exact.reduce(0, +),
        spearman: try Correlation.spearman(values, exact))
      form.estimate = values
    }
    return CellResult(.second(form))
  }
}

extension ExperimentResults<LeastDisagreement> {
  /// What was learned by a rule, one for each seed.
  func learning(by rule: QueryRule) -> [Kind.Learning] {
    values(at: .rule(rule)).compactMap(\.first)
  }

  /// The closed form in a number of dimensions, one for each seed.
  func closedForms(dimension: Int) -> [Kind.ClosedForm] {
    values(at: .closedForm(dimension: dimension)).compactMap(\.second)
  }
}
