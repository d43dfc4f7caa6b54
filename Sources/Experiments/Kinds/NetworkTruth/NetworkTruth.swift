internal import InfluenceKit
internal import OrderedCollections

/// Where influence can be trusted: networks of growing depth and weight decay, against training anew.
///
/// Two truths. Leaving one out: the change of each query's loss when one example's term is left out of every
/// step, with the same first weights and the same order of examples; and when the example is left out
/// altogether, which also changes the order. The linear datamodeling score (LDS): training on random halves,
/// mean over seeds. "Influence functions in deep learning are fragile" varies depth, width and weight decay.
struct NetworkTruth: ExperimentOnExamples {
  static let kind = "truth"
  static let summary =
    "Where can influence be trusted as networks get deeper and decay weaker"
  static let source =
    "\"Influence functions in deep learning are fragile\" (ICLR 2021); LDS after TRAK (arXiv 2303.14186), as in dattri's benchmarks."

  static let settings =
    [
      Setting(
        "depths", .integers(0...16), standard: [1, 2, 3], help: "numbers of hidden layers"),
      Setting(
        "weight-decays", .numbers(0...100), standard: [0, 0.01, 0.1],
        help: "decoupled weight decays of AdamW"),
      Setting.methods(
        "methods",
        [
          HessianFree.name, DataInf.name, KFAC.name, EKFAC.name, ExactFisher.name,
          ExactGaussNewton.name,
        ], help: "what is held against the truth"),
      Setting(
        "damping", .number(.positive), standard: 0.1, help: "λ by each block's mean eigenvalue"),
      Setting(
        "leave-one-out.rows", .integer(2...Setting.mostCounted), standard: 40,
        help: "training examples that are left out, drawn before anything is trained"),
      Setting(
        "lds.subsets", .integer(3...Setting.mostCounted), standard: 50, help: "random subsets M"),
      Setting(
        "lds.seeds", .integer(2...Setting.mostCounted), standard: 3,
        help: "trainings R of each subset"),
      Setting(
        "lds.fraction", .number(0.01...0.99), standard: 0.5, help: "the share of rows in each"),
      Setting.count("model.units", 16, help: "units of each hidden layer"),
    ]
    // The units stand for the hidden layers, and the grid has the weight decays.
    + PerceptronPlan.settings(.init(hidden: [], epochs: 40, learningRate: 5e-3))
    .filter { !["model.hidden", "model.weight-decay"].contains($0.key) }
    + LabelledExamples.settings(.init(training: 300, validation: 60, test: 0))

  static let random = "random"
  /// The name that another training's own truth has among methods: what training noise leaves to foretell.
  static let retraining = "another training"

  struct Result: Codable, Sendable {
    var parameters: Int
    var trainingAccuracy: Double
    var validationAccuracy: Double
    /// The agreement of each method with both truths; of random scores and of another training too.
    var methods: OrderedDictionary<String, Agreement>
    var warnings: [String]
  }

  /// How well one method foretells what training anew does.
  struct Agreement: Codable, Sendable {
    /// With leaving one out where the order of the examples is kept, means over queries.
    @NullWhenNil var pearson: Double?
    @NullWhenNil var spearman: Double?
    /// With leaving one out where the order changes.
    @NullWhenNil var shuffledSpearman: Double?
    /// The number of queries whose scores or changes are constant.
    var undefinedQueries: Int
    /// The linear datamodeling score of each query; nil where it is not defined.
    var lds: [Double?]

    /// Compares scores with both ways of leaving one out, all `m × rows`.
    init(
      leavingOut scores: Matrix<Double>, _ kept: Matrix<Double>, _ shuffled: Matrix<Double>,
      lds: [Double?]
    ) throws {
      let agreement = try ScoreAgreement(of: scores, with: kept)
      let ordinary = try ScoreAgreement(of: scores, with: shuffled)
      pearson = agreement.meanPearson
      spearman = agreement.meanSpearman
      shuffledSpearman = ordinary.meanSpearman
      undefinedQueries = agreement.undefinedRows.count + ordinary.undefinedRows.count
      self.lds = lds
    }
  }

  let depths: [Int]
  let decays: [Double]
  let methods: [String]
  let subsetCount: Int
  let queryCount: Int
  private let settings: Settings
  let data: LabelledExamples

  init(_ settings: Settings) throws {
    self.settings = settings
    depths = settings.integers("depths")
    decays = settings.numbers("weight-decays")
    methods = settings.texts("methods")
    try settings.requireDistinct(depths, "depths", "a depth")
    try settings.requireDistinct(decays, "weight-decays", "a decay")
    let training = settings.integer("data.training")
    guard settings.integer("leave-one-out.rows") <= training else {
      throw settings.invalid(
        "leave-one-out.rows", "there are \(training) training examples; ask for fewer rows")
    }
    subsetCount = settings.integer("lds.subsets")
    queryCount = settings.integer("data.validation")
    data = try LabelledExamples(settings)
  }

  var rowNames: [String] { methods + [Self.random, Self.retraining] }

  struct Point: Hashable {
    let depth: Int
    let decay: Double
  }

  var points: [Point] {
    depths.flatMap { depth in
      decays.map { Point(depth: depth, decay: $0) }
    }
  }

  func name(of point: Point) -> String? { "depth-\(point.depth)/decay-\(point.decay)" }

  func compute(
    seed: UInt64, at point: Point, _ context: CellContext
  ) throws -> CellResult<Self> {
    var plan = PerceptronPlan(settings)
    plan.hiddenSizes = Array(repeating: settings.integer("model.units"), count: point.depth)
    plan.training.weightDecay = point.decay
    let network = plan
    let first = seed &* 1000
    let trained = try TrainingTask(data) { parts, _, _ in
      try network.network(for: parts.training, stage: nil).trained(on: parts.training, seed: first)
    }.trained(seed: seed)
    let (model, parts) = (trained.model, trained.parts)
    let count = parts.training.count
    // Drawn before anything is trained, the same for every point of the grid.
    var generator = SeededGenerator(seed: seed, stream: 1 << 51)
    let rows = Array(
      generator.permutation(count).prefix(settings.integer("leave-one-out.rows"))
    ).sorted()
    let subsets = try RandomSubsets.subsets(
      subsetCount, of: count, fraction: settings.number("lds.fraction"), seed: seed)
    let retraining = try trained.retraining()
    let loss = try changes(rows, of: count, by: retraining, seed: first, context)
    let truth = try SubsetTruth(
      of: subsets, by: retraining,
      seeds: (1...UInt64(settings.integer("lds.seeds"))).map { first &+ $0 }
    ) { done, total in
      context.progress("training on subsets", 0.3 + 0.6 * Double(done) / Double(total))
    }

    let pair = try trained.gradients(for: methods)
    let damping = Damping.relative(settings.number("damping"))
    let scores = try MethodScores(of: methods, on: pair, damping: damping, wholeDamping: damping)
    var randomGenerator = SeededGenerator(seed: seed, stream: 1 << 50)
    let drawn = Matrix<Double>.normal(parts.validation.count, count, using: &randomGenerator)
    var agreements: OrderedDictionary<String, Agreement> = [:]
    for (method, matrix) in zip(methods + [Self.random], scores.values + [drawn]) {
      let some = Self.columns(rows, of: matrix)
      let score = try LinearDatamodelingScore(
        scores: matrix, subsets: subsets, truth: truth.values)
      agreements[method] = try Agreement(
        leavingOut: some, loss.kept, loss.shuffled, lds: score.correlations)
    }
    // What one training of each subset says of the mean of the others.
    let correlations = try truth.bySeed.indices.map { place in
      let others = truth.bySeed.indices.filter { $0 != place }.map { truth.bySeed[$0] }
      return try ScoreAgreement(of: truth.bySeed[place], with: Self.mean(others))
    }
    agreements[Self.retraining] = try Agreement(
      leavingOut: loss.other, loss.kept, loss.shuffled,
      lds: parts.validation.labels.indices.map { query in
        let known = correlations.compactMap { $0.rows[query]?.spearman }
        return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
      })
    return CellResult(
      Result(
        parameters: model.network.parameterCount,
        trainingAccuracy: try model.network.accuracy(on: parts.training),
        validationAccuracy: try model.network.accuracy(on: parts.validation), methods: agreements,
        warnings: scores.warnings),
      scores: Self.kept(
        zip(methods + [Self.random], scores.values + [drawn]).map { ($0, $1) }, subsets, truth,
        count))
  }

  /// What LDS is computed from: Spearman's correlation, over the subsets, of a query's outcomes with the sums of its
  /// scores over each subset's examples.
  private static func kept(
    _ scores: [(name: String, scores: Matrix<Double>)], _ subsets: [[Int]], _ truth: SubsetTruth,
    _ count: Int
  ) -> [CellScores] {
    [
      CellScores("scores", about: "scores; high ones are helpful", queriesOf: scores),
      .members(of: subsets, count: count),
      CellScores(
        "outcomes", about: "−loss of each query after training on the subset, by training",
        columns: "subsets",
        queriesOf: truth.bySeed.enumerated().map { ("training \($0)", $1) }),
    ]
  }

  /// The changes of the queries' losses, `m × rows`, by example: its term left out, itself left out, and
  /// its term left out of a training with another seed.
  private func changes(
    _ rows: [Int], of count: Int, by retraining: Retraining, seed: UInt64, _ context: CellContext
  ) throws -> (kept: Matrix<Double>, shuffled: Matrix<Double>, other: Matrix<Double>) {
    let all = Array(0..<count)
    func without(_ row: Int, _ seed: UInt64) -> TrainingRun {
      var weights = [Double](repeating: 1, count: count)
      weights[row] = 0
      return TrainingRun(rows: all, weights: weights, seed: seed)
    }
    let other = seed &+ 500
    let outcomes = try retraining.results(
      of: [TrainingRun(rows: all, seed: seed), TrainingRun(rows: all, seed: other)]
        + rows.map { without($0, seed) }
        + rows.map { TrainingRun(rows: RandomSubsets.complement(of: [$0], in: count), seed: seed) }
        + rows.map { without($0, other) }
    ) { done, total in
      context.progress("leaving one out", 0.3 * Double(done) / Double(total))
    }.outcomes
    func matrix(_ part: Int, _ base: Int) -> Matrix<Double> {
      var result = Matrix<Double>.zeros(outcomes[0].losses.count, rows.count)
      for place in rows.indices {
        let losses = outcomes[2 + part * rows.count + place].losses
        for query in losses.indices {
          result[query, place] = losses[query] - outcomes[base].losses[query]
        }
      }
      return result
    }
    return (matrix(0, 0), matrix(1, 0), matrix(2, 1))
  }

  private static func columns(_ rows: [Int], of matrix: Matrix<Double>) -> Matrix<Double> {
    Matrix(
      rows: matrix.rows, columns: rows.count,
      elements: (0..<matrix.rows).flatMap { query in rows.map { matrix[query, $0] } })
  }

  private static func mean(_ matrices: [Matrix<Double>]) -> Matrix<Double> {
    var sum = matrices[0]
    for matrix in matrices.dropFirst() { sum.add(matrix, scale: 1) }
    sum.scale(by: 1 / Double(matrices.count))
    return sum
  }
}
