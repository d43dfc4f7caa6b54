internal import Data
internal import Evaluation
internal import Influence
internal import LinearAlgebra
internal import Models
public import OrderedCollections
internal import TensorFiles

/// Where influence can be trusted: networks of growing depth and weight decay, against training anew.
///
/// Two truths. Leaving one out: the change of each query's loss when one example's term is left out of every
/// step, with the same first weights and the same order of examples; and when the example is left out
/// altogether, which also changes the order. The linear datamodeling score (LDS): training on random halves,
/// mean over seeds. "Influence functions in deep learning are fragile" varies depth, width and weight decay.
public struct NetworkTruth: Experiment {
  /// `truth`.
  public static let kind = "truth"
  /// The question.
  public static let summary =
    "Where can influence be trusted as networks get deeper and decay weaker"
  /// The paper on fragility, and benchmarks with the same measures.
  public static let source =
    "\"Influence functions in deep learning are fragile\" (ICLR 2021); LDS after TRAK (arXiv 2303.14186), as in dattri's benchmarks."

  /// Grid, methods, sizes of both truths, network, data.
  public static let settings =
    [
      Setting(
        "depths", .integers(0...16), standard: [1, 2, 3], help: "numbers of hidden layers"),
      Setting(
        "weight-decays", .numbers(0...100), standard: [0, 0.01, 0.1],
        help: "decoupled weight decays of AdamW"),
      Setting(
        "methods", .methods,
        standard: ["hessian-free", "datainf", "kfac", "ekfac", "exact", "exact-ggn"],
        help: "what is held against the truth"),
      Setting(
        "damping", .number(.positive), standard: 0.1, help: "λ by each block's mean eigenvalue"),
      Setting(
        "leave-one-out.rows", .integer(2...Int.max), standard: 40,
        help: "training examples that are left out, drawn before anything is trained"),
      Setting(
        "lds.subsets", .integer(3...Int.max), standard: 50, help: "random subsets M"),
      Setting("lds.seeds", .integer(2...Int.max), standard: 3, help: "trainings R of each subset"),
      Setting(
        "lds.fraction", .number(0.01...0.99), standard: 0.5, help: "the share of rows in each"),
      Setting("model.units", .integer(.counting), standard: 16, help: "units of each hidden layer"),
      Setting(
        "model.activation", .choice(Activation.allCases.map(\.rawValue)), standard: "tanh",
        help: "what hidden units do"),
      Setting(
        "model.epochs", .integer(.counting), standard: 40,
        help: "passes over the training examples"),
      Setting("model.batch", .integer(.counting), standard: 32, help: "examples of one step"),
      Setting(
        "model.learning-rate", .number(.positive), standard: 5e-3, help: "learning rate of AdamW"),
    ] + DataTask.settings(.init(training: 300, validation: 60, test: 0))

  /// The name that random scores have among methods.
  static let random = "random"
  /// The name that another training's own truth has among methods: what training noise leaves to foretell.
  static let retraining = "another training"

  let depths: [Int]
  let decays: [Double]
  let methods: [String]
  let subsetCount: Int
  let queryCount: Int
  private let settings: Settings
  private let data: DataTask

  /// Opens the data.
  public init(_ settings: Settings) throws {
    depths = settings.integers("depths")
    decays = settings.numbers("weight-decays")
    methods = settings.texts("methods")
    guard Set(depths).count == depths.count else {
      throw settings.invalid("depths", "a depth is given twice")
    }
    guard Set(decays).count == decays.count else {
      throw settings.invalid("weight-decays", "a decay is given twice")
    }
    let training = settings.integer("data.training")
    guard settings.integer("leave-one-out.rows") <= training else {
      throw settings.invalid(
        "leave-one-out.rows", "there are \(training) training examples; ask for fewer rows")
    }
    subsetCount = settings.integer("lds.subsets")
    queryCount = settings.integer("data.validation")
    self.settings = settings
    data = try DataTask(settings)
  }

  /// The data set.
  public var inputs: OrderedDictionary<String, String> {
    OrderedDictionary(uniqueKeysWithValues: data.inputs)
  }

  /// All that is measured.
  var rowNames: [String] { methods + [Self.random, Self.retraining] }

  /// One cell a seed, depth and decay.
  public func cells(seeds: [UInt64]) -> [ExperimentCell] {
    seeds.flatMap { seed in
      depths.flatMap { depth in
        decays.map { decay in
          ExperimentCell(Self.cell(seed, depth, decay)) { context in
            try compute(seed: seed, depth, decay, context)
          }
        }
      }
    }
  }

  static func cell(_ seed: UInt64, _ depth: Int, _ decay: Double) -> String {
    "seed-\(seed)/depth-\(depth)/decay-\(decay)"
  }

  private func compute(
    seed: UInt64, _ depth: Int, _ decay: Double, _ context: CellContext
  ) throws -> CellResult {
    let parts = try data.parts(seed: seed)
    let count = parts.training.count
    let hidden = Array(repeating: settings.integer("model.units"), count: depth)
    let activation = Activation(rawValue: settings.text("model.activation")) ?? .tanh
    var training = TrainingSettings(
      epochs: settings.integer("model.epochs"), batchSize: settings.integer("model.batch"),
      learningRate: settings.number("model.learning-rate"), weightDecay: decay)
    // Drawn before anything is trained, the same for every point of the grid.
    var generator = SeededGenerator(seed: seed, stream: 1 << 51)
    let rows = Array(
      generator.permutation(count).prefix(settings.integer("leave-one-out.rows"))
    ).sorted()
    let subsets = try RandomSubsets.subsets(
      subsetCount, of: count, fraction: settings.number("lds.fraction"), seed: seed)
    let first = seed &* 1000
    let retraining = try Retraining(
      of: .perceptron(hiddenSizes: hidden, activation: activation, settings: training),
      on: parts.training, queries: parts.validation)

    let loss = try changes(rows, of: count, by: retraining, seed: first, context)
    let truth = try SubsetTruth(
      of: subsets, by: retraining,
      seeds: (1...UInt64(settings.integer("lds.seeds"))).map { first &+ $0 }
    ) { done, total in
      context.progress("training on subsets", 0.3 + 0.6 * Double(done) / Double(total))
    }

    var model = try MultilayerPerceptron<Double>(
      sizes: [data.width] + hidden + [data.classCount], activation: activation, seed: first)
    training.seed = first
    try model.train(on: parts.training, settings: training)
    let pair = try GradientPair(
      of: model, training: parts.training, queries: parts.validation, methods: methods, seed: seed)
    let damping = Damping.relative(settings.number("damping"))
    let scores = try MethodScores(of: methods, on: pair, damping: damping, wholeDamping: damping)
    var randomGenerator = SeededGenerator(seed: seed, stream: 1 << 50)
    let drawn = Matrix<Double>.normal(parts.validation.count, count, using: &randomGenerator)
    var values: OrderedDictionary<String, OrderedJSON> = [:]
    for (method, matrix) in zip(methods + [Self.random], scores.values + [drawn]) {
      let some = Self.columns(rows, of: matrix)
      let score = try LinearDatamodelingScore(
        scores: matrix, subsets: subsets, truth: truth.values)
      values[method] = .object(
        try Self.leaveOneOut(some, loss.kept, loss.shuffled)
          .merging(["lds": .array(score.correlations.map { .optional($0) })]) { $1 })
    }
    // What one training of each subset says of the mean of the others.
    let correlations = try truth.bySeed.indices.map { place in
      let others = truth.bySeed.indices.filter { $0 != place }.map { truth.bySeed[$0] }
      return try ScoreAgreement(of: truth.bySeed[place], with: Self.mean(others))
    }
    values[Self.retraining] = .object(
      try Self.leaveOneOut(loss.other, loss.kept, loss.shuffled)
        .merging([
          "lds": .array(
            parts.validation.labels.indices.map { query in
              let known = correlations.compactMap { $0.rows[query]?.spearman }
              return known.isEmpty ? .null : .number(known.reduce(0, +) / Double(known.count))
            })
        ]) { $1 })
    return CellResult(values: [
      "parameters": .integer(model.parameterCount),
      "training_accuracy": .number(try model.accuracy(on: parts.training)),
      "validation_accuracy": .number(try model.accuracy(on: parts.validation)),
      "methods": .object(values),
      "warnings": .array(scores.warnings.map { .string($0) }),
    ])
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

  private static func leaveOneOut(
    _ scores: Matrix<Double>, _ kept: Matrix<Double>, _ shuffled: Matrix<Double>
  ) throws -> OrderedDictionary<String, OrderedJSON> {
    let agreement = try ScoreAgreement(of: scores, with: kept)
    let ordinary = try ScoreAgreement(of: scores, with: shuffled)
    return [
      "pearson": .optional(agreement.meanPearson), "spearman": .optional(agreement.meanSpearman),
      "shuffled_spearman": .optional(ordinary.meanSpearman),
      "undefined_queries": .integer(
        agreement.undefinedRows.count + ordinary.undefinedRows.count),
    ]
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
