internal import Data
internal import Evaluation
internal import Gradients
internal import Influence
internal import LinearAlgebra
internal import Models
public import OrderedCollections
internal import TensorFiles

/// What an ensemble of gradients of one model, each under another dropout, is worth over one model.
///
/// "Revisit, Extend, and Enhance Hessian-Free Influence Functions" (arXiv 2405.17490): T members with the
/// weights of one trained network, member 0 without dropout, the others with a rate drawn from U(0, max), and
/// the mean of their scores. Here against the same number of networks trained with other seeds, whose mean
/// TracIn and TRAK take. Scores are of the mean validation query; test examples are seen by the last accuracy
/// alone.
public struct InnerProductEnsemble: Experiment {
  /// `inner-product-ensemble`.
  public static let kind = "inner-product-ensemble"
  /// The question.
  public static let summary = "What an ensemble of dropout gradients is worth over one model"
  /// The paper.
  public static let source =
    "\"Revisit, Extend, and Enhance Hessian-Free Influence Functions\" (arXiv 2405.17490)."

  /// Ensembles, methods, trimming, data, network.
  public static let settings =
    [
      Setting(
        "members", .integers(1...1024), standard: [1, 2, 5, 10, 20],
        help: "numbers T of members, member 0 without dropout included"),
      Setting(
        "max-rates", .numbers(1e-6...0.999), standard: [0.001, 0.01, 0.1, 0.3],
        help: "the largest dropout rates, each an ensemble of its own"),
      Setting(
        "draws", .integer(.counting), standard: 3,
        help: "independent ensembles of the largest T, whose measures are averaged"),
      Setting(
        "reference", .integer(2...Int.max), standard: 20,
        help: "further members, whose mean stands for that of very many"),
      Setting(
        "methods", .methods, standard: ["hessian-free", "datainf"], help: "how a member scores"),
      Setting(
        "trim", .number(0.001...0.9), standard: 0.05,
        help: "the share of lowest scores that is removed"),
      Setting(
        "trim-seeds", .integer(.counting), standard: 2, help: "trainings after each removal"),
      Setting(
        "random-draws", .integer(.counting), standard: 5,
        help: "random removals to compare with"),
    ]
    + DataTask.settings(.init(training: 600, validation: 200, test: 500, flip: 0.2))
    + NetworkTask.settings(.init(hidden: [64, 32], epochs: 20))

  /// Where the members of an ensemble come from.
  enum Source: Hashable {
    /// Dropout with rates up to this.
    case dropout(Double)
    /// Trained with other seeds.
    case trained

    var name: String {
      switch self {
      case .dropout(let rate): "rate-\(rate)"
      case .trained: "trained"
      }
    }

    var label: String {
      switch self {
      case .dropout(let rate): "dropout to \(rate)"
      case .trained: "other seeds"
      }
    }
  }

  let members: [Int]
  let methods: [String]
  let sources: [Source]
  let draws: Int
  let trim: Double
  private let reference: Int
  private let trimSeeds: Int
  private let randomDraws: Int
  private let data: DataTask
  private let network: NetworkTask

  /// Opens the data.
  public init(_ settings: Settings) throws {
    members = Set(settings.integers("members")).sorted()
    guard members.first == 1, members.count > 1 else {
      throw settings.invalid("members", "give 1, which is one model, and larger numbers")
    }
    let rates = settings.numbers("max-rates")
    guard Set(rates).count == rates.count else {
      throw settings.invalid("max-rates", "a rate is given twice")
    }
    sources = rates.map(Source.dropout) + [.trained]
    methods = settings.texts("methods")
    draws = settings.integer("draws")
    trim = settings.number("trim")
    reference = settings.integer("reference")
    trimSeeds = settings.integer("trim-seeds")
    randomDraws = settings.integer("random-draws")
    guard settings.number("data.flip") > 0 else {
      throw settings.invalid("data.flip", "there would be no wrong label to find; give more than 0")
    }
    guard !settings.integers("model.hidden").isEmpty else {
      throw settings.invalid("model.hidden", "dropout needs a hidden layer")
    }
    data = try DataTask(settings)
    network = NetworkTask(settings)
  }

  /// The data set.
  public var inputs: OrderedDictionary<String, String> {
    OrderedDictionary(uniqueKeysWithValues: data.inputs)
  }

  /// A cell a seed for the baselines, and one for each source of members.
  public func cells(seeds: [UInt64]) -> [ExperimentCell] {
    seeds.flatMap { seed in
      [ExperimentCell("seed-\(seed)/baselines") { try baselines(seed: seed, $0) }]
        + sources.map { source in
          ExperimentCell("seed-\(seed)/\(source.name)") { try ensembles(seed: seed, source, $0) }
        }
    }
  }

  // MARK: - Cells

  private func baselines(seed: UInt64, _ context: CellContext) throws -> CellResult {
    let parts = try data.parts(seed: seed)
    let model = try network.trained(on: parts, seed: seed)
    let count = parts.training.count
    let size = try TrimCurve.rows(
      removing: trim, scores: [Double](repeating: 0, count: count)
    ).count
    let kept =
      [Array(0..<count)]
      + (0..<randomDraws).map { draw in
        var generator = SeededGenerator(seed: seed, stream: 1 << 52 + UInt64(draw))
        return generator.permutation(count).prefix(size).sorted()
      }
    let accuracies = try accuracies(after: kept, parts, seed: seed)
    let scores = try scores(of: model, parts, dropout: nil, seed: seed)
    return CellResult(values: [
      "validation_accuracy": .number(try model.accuracy(on: parts.validation)),
      "accuracy": .number(accuracies[0]),
      "random_accuracies": .numbers(Array(accuracies.dropFirst())),
      "flipped": .integers(parts.flippedRows.sorted()),
      "scores": .object(
        OrderedDictionary(
          uniqueKeysWithValues: zip(methods, scores).map { ($0, OrderedJSON.numbers($1)) })),
    ])
  }

  private func ensembles(
    seed: UInt64, _ source: Source, _ context: CellContext
  ) throws -> CellResult {
    let parts = try data.parts(seed: seed)
    let model = try network.trained(on: parts, seed: seed)
    // Trained networks are dear: one draw of them.
    let draws = source == .trained ? 1 : draws
    let size = (members.last ?? 1) - 1
    let total = draws * size + reference
    let first = try scores(of: model, parts, dropout: nil, seed: seed)
    let others = try self.others(total, source, model, parts, seed: seed, context)
    var values: OrderedDictionary<String, OrderedJSON> = [:]
    var removals: [[Int]] = []
    for (place, method) in methods.enumerated() {
      let pool = others.map { $0[place] }
      let far = Self.mean(pool.suffix(reference))
      var rows: [OrderedJSON] = []
      for count in members {
        var (areas, ranks) = ([Double](), [Double]())
        for draw in 0..<draws {
          let mean = Self.mean([first[place]] + pool[draw * size..<draw * size + count - 1])
          areas.append(
            try Detection.areaUnderROC(scores: mean.map { -$0 }, positives: parts.flippedRows))
          ranks.append(try Correlation.spearman(mean, far))
          if draw == 0 { removals.append(try TrimCurve.rows(removing: trim, scores: mean)) }
        }
        rows.append([
          "members": .integer(count), "auc": .number(Self.mean(areas)),
          "spearman": .number(Self.mean(ranks)),
        ])
      }
      values[method] = ["ensembles": .array(rows), "variances": .numbers(variances(of: pool))]
    }
    let accuracies = try accuracies(after: removals, parts, seed: seed)
    for (place, method) in methods.enumerated() {
      values[method] = .object(
        (values[method]?.object ?? [:]).merging([
          "accuracies": .numbers(
            Array(accuracies[place * members.count..<(place + 1) * members.count]))
        ]) { $1 })
    }
    return CellResult(values: [
      "methods": .object(values),
      "ensemble_difference": .optional(
        try difference(source, model, parts, first, others, seed: seed)),
    ])
  }

  /// The scores of members 1, 2, …, by member and method.
  private func others(
    _ total: Int, _ source: Source, _ model: MultilayerPerceptron<Double>, _ parts: DataTask.Parts,
    seed: UInt64, _ context: CellContext
  ) throws -> [[[Double]]] {
    switch source {
    case .dropout(let rate):
      let dropouts = try Dropout.members(count: total + 1, maximum: rate, seed: seed).dropFirst()
      return try dropouts.enumerated().map { index, dropout in
        context.progress("scoring members", 0.8 * Double(index) / Double(total))
        return try scores(of: model, parts, dropout: dropout, seed: seed)
      }
    case .trained:
      context.progress("training members", 0)
      let models = try Parallelism.map(total) {
        try network.trained(on: parts.training, seed: seed &+ 1_000_003 &* UInt64($0 + 1))
      }
      return try models.map { try scores(of: $0, parts, dropout: nil, seed: seed) }
    }
  }

  /// Scores of the mean validation query, by method.
  private func scores(
    of model: MultilayerPerceptron<Double>, _ parts: DataTask.Parts, dropout: Dropout?,
    seed: UInt64
  ) throws -> [[Double]] {
    let pair = try GradientPair(
      of: model, training: parts.training, queries: parts.validation, methods: methods,
      dropout: dropout, seed: seed)
    return try Curvature(
      fitting: methods.map { try EstimatorCatalog.estimator($0) }, on: pair.training,
      options: CurvatureOptions(certifies: false)
    ).scores(of: pair.queries, aggregation: .mean).map(\.values.elements)
  }

  /// The largest difference of the library's ensemble of members 0 and 1 from the mean taken here, by the
  /// largest score; nil for trained members, which are not kept.
  private func difference(
    _ source: Source, _ model: MultilayerPerceptron<Double>, _ parts: DataTask.Parts,
    _ first: [[Double]], _ others: [[[Double]]], seed: UInt64
  ) throws -> Double? {
    guard case .dropout(let rate) = source, let method = methods.first, let second = others.first
    else { return nil }
    let pairs = try Dropout.members(count: 2, maximum: rate, seed: seed).map {
      try GradientPair(
        of: model, training: parts.training, queries: parts.validation, methods: methods,
        dropout: $0, seed: seed)
    }
    let ensemble = try ScoreEnsemble(
      pairs.map { .init(weight: 0.5, training: $0.training, queries: $0.queries) })
    let scores = try ensemble.scores(
      by: EstimatorCatalog.estimator(method), aggregation: .mean
    ).values.elements
    let mean = Self.mean([first[0], second[0]])
    let largest = mean.map(abs).max() ?? 1
    return (zip(scores, mean).map { abs($0 - $1) }.max() ?? 0) / (largest > 0 ? largest : 1)
  }

  /// The variance of the mean of k members beyond member 0 for k = T − 1 of each T but 1: over disjoint
  /// groups of the pool, without bias; mean over examples.
  private func variances(of pool: [[Double]]) -> [Double] {
    members.dropFirst().map { count in
      let groups = (0..<pool.count / (count - 1)).map {
        Self.mean(pool[$0 * (count - 1)..<($0 + 1) * (count - 1)])
      }
      let mean = Self.mean(groups)
      let squares = groups.reduce(0.0) { sum, group in
        sum + zip(group, mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      }
      return groups.count > 1 ? squares / Double(groups.count - 1) / Double(mean.count) : 0
    }
  }

  /// The test accuracy of networks trained on these rows alone, mean over trainings.
  private func accuracies(
    after kept: [[Int]], _ parts: DataTask.Parts, seed: UInt64
  ) throws -> [Double] {
    let values = try Parallelism.map(kept.count * trimSeeds) { index in
      try network.trained(
        on: parts.training.selecting(kept[index / trimSeeds]),
        seed: seed &+ 7_000_003 &* UInt64(index % trimSeeds + 1)
      ).accuracy(on: parts.test)
    }
    return kept.indices.map { Self.mean(Array(values[$0 * trimSeeds..<($0 + 1) * trimSeeds])) }
  }

  static func mean(_ values: [Double]) -> Double {
    values.reduce(0, +) / Double(values.count)
  }

  private static func mean(_ lists: some Collection<[Double]>) -> [Double] {
    var sum = [Double](repeating: 0, count: lists.first?.count ?? 0)
    for list in lists {
      for index in sum.indices { sum[index] += list[index] }
    }
    return sum.map { $0 / Double(lists.count) }
  }
}
