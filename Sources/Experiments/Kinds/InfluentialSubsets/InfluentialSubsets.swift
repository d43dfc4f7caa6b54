internal import InfluenceKit
internal import OrderedCollections

/// Which search finds the sets of examples whose removal moves an answer the most.
///
/// Greedy search adds up single effects, leverage-adjusted ones too; the adaptive one trains anew after each step.
/// Sets are judged by what removing them does after training again, against random sets, and, where there are few
/// examples, against the best of all sets.
struct InfluentialSubsets: ExperimentOnExamples {
  static let kind = "most-influential-subset"
  static let summary = "Which search finds the sets whose removal moves an answer the most"
  static let source =
    "Most Influential Subset Selection (arXiv 2409.18153), sections 3 to 5; its winning rate."

  static let settings =
    [
      Setting(
        "models", .choices(of: WatchedRegression.Kind.self),
        standard: ["least-squares", "logistic"], help: "the regressions"),
      Setting(
        "sizes", .integers(.counting), standard: [1, 2, 5, 10, 20, 30, 40, 50],
        help: "how many examples are removed"),
      Setting(
        "steps", .integers(.counting), standard: [1, 5, 10],
        help: "how many examples the adaptive search takes before it trains anew"),
      Setting(
        "direction", .choice(of: RemovalDirection.self), standard: "raise",
        help: "whether the answer is to rise or to fall"),
      Setting.draws(10, help: "random sets of each size"),
      Setting.flag(
        "keep-rows", false, help: "whether the rows of every set are written to the results"),
      Setting(
        "least-squares.penalty", .number(.positive), standard: 1,
        help: "α of least squares: ½‖y − Xθ‖² + (α/2)‖θ‖²"),
      Setting(
        "logistic.penalty", .number(.positive), standard: 0.01,
        help: "α of logistic regression: mean loss + (α/2)‖θ‖²"),
      Setting(
        "small.examples", .integer(4...40), standard: 12,
        help: "training examples where all sets are tried"),
      Setting.count(
        "small.columns", 4, help: "random directions that features are projected to there"),
      Setting("small.largest", .integer(1...5), standard: 3, help: "the largest sets tried there"),
    ] + BinaryTable.settings

  struct Options: Decodable {
    let models: [WatchedRegression.Kind]
    let sizes: [Int]
    let steps: [Int]
    let randomDraws: Int
    let keepRows: Bool
    let leastSquares: Regression
    let logistic: Regression
    let small: Small

    struct Regression: Decodable {
      let penalty: Double
    }

    struct Small: Decodable {
      let examples: Int
      let columns: Int
      let largest: Int
    }
  }

  struct Result: Codable, Sendable {
    var points: [Watched]
    /// The effects of sets of 1, 2, … among few examples, by search, for each point.
    var small: [OrderedDictionary<String, [Double]>]
  }

  /// What is found for one point.
  struct Watched: Codable, Sendable {
    /// What each search finds, and what removing at random does.
    var searches: OrderedDictionary<String, Search>
    /// The number of examples that determine a direction alone and cannot be candidates.
    var fixed: Int
    /// How far effects by the formula are from those of fitting anew; of least squares alone.
    @NullWhenNil var refitError: Double?
  }

  /// What one search finds: a number for each size of a set.
  struct Search: Codable, Sendable {
    /// The effects that the search adds up; nil where nothing is searched.
    var predicted: [Double]?
    /// The effects after training again.
    var actual: [Double]
    /// The rows of the largest set, in the order in which they were found, where rows are kept.
    var rows: [Int]?
  }

  let options: Options
  let direction: RemovalDirection
  /// The sizes of the sets, ascending.
  let sizes: [Int]
  /// How many examples the adaptive searches take at once, ascending.
  let steps: [Int]
  let data: BinaryTable

  init(_ settings: Settings) throws {
    options = settings.values()
    sizes = options.sizes.sorted()
    steps = options.steps.sorted()
    try settings.requireDistinct(sizes, "sizes", "a number")
    try settings.requireDistinct(steps, "steps", "a number")
    direction = settings.text("direction") == "lower" ? .lower : .raise
    data = try BinaryTable(settings)
    let largest = sizes.last ?? 0
    guard largest < settings.integer("data.training") else {
      throw settings.invalid(
        "sizes",
        "\(largest) of \(settings.integer("data.training")) training examples cannot be removed; give less than all"
      )
    }
    let small = options.small
    guard small.largest < small.examples else {
      throw settings.invalid(
        "small.largest", "\(small.largest) is not less than small.examples, \(small.examples)")
    }
  }

  /// α of a regression.
  private func penalty(of model: WatchedRegression.Kind) -> Double {
    switch model {
    case .leastSquares: options.leastSquares.penalty
    case .logistic: options.logistic.penalty
    }
  }

  var points: [WatchedRegression.Kind] { options.models }
  func name(of model: WatchedRegression.Kind) -> String? { model.rawValue }

  static let random = "random"
  static let best = "best"
  static func adaptive(_ step: Int) -> String { "adaptive, step \(step)" }

  /// The names of searches, in the order of tables; `random` is beside them.
  var searches: [String] {
    [RemovalAlgorithm.greedy.rawValue, RemovalAlgorithm.leverageAdjusted.rawValue]
      + steps.map(Self.adaptive)
  }

  /// The searches that are held against the best of all sets.
  static let smallSearches: [(name: String, algorithm: RemovalAlgorithm)] = [
    (RemovalAlgorithm.greedy.rawValue, .greedy),
    (RemovalAlgorithm.leverageAdjusted.rawValue, .leverageAdjusted),
    (adaptive(1), .adaptive),
  ]

  func compute(
    seed: UInt64, at model: WatchedRegression.Kind, _ context: CellContext
  ) throws -> CellResult<Self> {
    let parts = try data.parts(seed: seed)
    let small = try data.parts(
      seed: seed, training: options.small.examples, columns: options.small.columns)
    context.progress("points", 0)
    let points = try Parallelism.map(parts.validation.count) { point in
      (
        try large(parts, model, point, seed: seed), try self.small(small, model, point)
      )
    }
    return CellResult(Result(points: points.map(\.0), small: points.map(\.1)))
  }

  /// All searches for one point.
  private func large(
    _ parts: ExampleParts<TabularDataSet<Double>>, _ model: WatchedRegression.Kind, _ point: Int,
    seed: UInt64
  ) throws -> Watched {
    let penalty = penalty(of: model)
    let regression = try WatchedRegression(
      model, training: parts.training, points: parts.validation, point: point, penalty: penalty)
    let largest = sizes.last ?? 1
    var found: OrderedDictionary<String, Search> = [:]
    var fixed: Set<Int> = []
    var refitError = 0.0
    for (name, algorithm, step) in runs {
      // A smaller set is the beginning of a larger one, for every search.
      let subset = try regression.subset(largest, algorithm, step: step, direction)
      fixed.formUnion(subset.fixedRows)
      let actual = try sizes.map {
        direction.sign * (try regression.effect(ofRemoving: Array(subset.rows.prefix($0))))
      }
      found[name] = Search(
        predicted: sizes.map { direction.sign * subset.gains.prefix($0).reduce(0, +) },
        actual: actual, rows: options.keepRows ? subset.rows : nil)
      if model == .leastSquares {
        refitError = max(
          refitError, try Self.refitError(regression, parts, subset.rows, point, penalty))
      }
    }
    var random = [Double](repeating: 0, count: sizes.count)
    for draw in 0..<options.randomDraws {
      var generator = SeededGenerator(
        seed: seed, stream: 0x6472_6177 + UInt64(point) << 32 + UInt64(draw))
      let order = generator.permutation(parts.training.count)
      for (place, size) in sizes.enumerated() {
        random[place] +=
          direction.sign * (try regression.effect(ofRemoving: Array(order.prefix(size))))
          / Double(options.randomDraws)
      }
    }
    found[Self.random] = Search(actual: random)
    return Watched(
      searches: found, fixed: fixed.count,
      refitError: model == .leastSquares ? refitError : nil)
  }

  private var runs: [(String, RemovalAlgorithm, Int)] {
    [
      (RemovalAlgorithm.greedy.rawValue, .greedy, 1),
      (RemovalAlgorithm.leverageAdjusted.rawValue, .leverageAdjusted, 1),
    ] + steps.map { (Self.adaptive($0), .adaptive, $0) }
  }

  /// How far the effect by the formula is from that of fitting the rest anew, of the larger of both and 1.
  private static func refitError(
    _ regression: WatchedRegression, _ parts: ExampleParts<TabularDataSet<Double>>, _ rows: [Int],
    _ point: Int,
    _ penalty: Double
  ) throws -> Double {
    let removed = Set(rows)
    func prediction(_ kept: [Int]) throws -> Double {
      let data = parts.training.selecting(kept)
      let model = try RidgeRegression(
        features: data.features.appendingOnes(),
        targets: WatchedRegression.targets(data), penalty: penalty)
      return zip(Array(parts.validation.features[row: point]) + [1], model.parameters)
        .reduce(0) { $0 + $1.0 * $1.1 }
    }
    let all = Array(0..<parts.training.count)
    let refitted = try prediction(all.filter { !removed.contains($0) }) - prediction(all)
    let formula = try regression.effect(ofRemoving: rows)
    return abs(refitted - formula) / max(1, abs(refitted), abs(formula))
  }

  /// The searches against the best of all sets, among few examples.
  private func small(
    _ parts: ExampleParts<TabularDataSet<Double>>, _ model: WatchedRegression.Kind, _ point: Int
  ) throws -> OrderedDictionary<String, [Double]> {
    let regression = try WatchedRegression(
      model, training: parts.training, points: parts.validation, point: point,
      penalty: penalty(of: model))
    var found: OrderedDictionary<String, [Double]> = [:]
    found[Self.best] = try (1...options.small.largest).map {
      direction.sign
        * (try regression.effect(
          ofRemoving: regression.subset($0, .exhaustive, direction).rows))
    }
    for (name, algorithm) in Self.smallSearches {
      let rows = try regression.subset(options.small.largest, algorithm, direction).rows
      found[name] = try (1...options.small.largest).map {
        direction.sign * (try regression.effect(ofRemoving: Array(rows.prefix($0))))
      }
    }
    return found
  }
}
