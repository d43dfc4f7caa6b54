internal import Data
public import OrderedCollections
internal import Evaluation
internal import Influence
internal import LinearAlgebra
internal import Models
internal import TensorFiles

/// Which search finds the sets of examples whose removal moves an answer the most.
///
/// Greedy search adds up single effects, leverage-adjusted ones too; the adaptive one trains anew after each step.
/// Sets are judged by what removing them does after training again, against random sets, and, where there are few
/// examples, against the best of all sets.
public struct InfluentialSubsets: Experiment {
  /// `most-influential-subset`.
  public static let kind = "most-influential-subset"
  /// The question.
  public static let summary = "Which search finds the sets whose removal moves an answer the most"
  /// Hu and others.
  public static let source =
    "Most Influential Subset Selection (arXiv 2409.18153), sections 3 to 5; its winning rate."

  /// Data, regressions, searches.
  public static let settings =
    [
      Setting(
        "models", .choices(WatchedRegression.Kind.allCases.map(\.rawValue)),
        standard: ["least-squares", "logistic"], help: "the regressions"),
      Setting(
        "sizes", .integers(.counting), standard: [1, 2, 5, 10, 20, 30, 40, 50],
        help: "how many examples are removed"),
      Setting(
        "steps", .integers(.counting), standard: [1, 5, 10],
        help: "how many examples the adaptive search takes before it trains anew"),
      Setting(
        "direction", .choice(RemovalDirection.allCases.map(\.rawValue)), standard: "raise",
        help: "whether the answer is to rise or to fall"),
      Setting(
        "random-draws", .integer(1...1000), standard: 10, help: "random sets of each size"),
      Setting(
        "keep-rows", .flag, standard: false,
        help: "whether the rows of every set are written to the results"),
      Setting(
        "least-squares.penalty", .number(.positive), standard: 1,
        help: "α of least squares: ½‖y − Xθ‖² + (α/2)‖θ‖²"),
      Setting(
        "logistic.penalty", .number(.positive), standard: 0.01,
        help: "α of logistic regression: mean loss + (α/2)‖θ‖²"),
      Setting(
        "small.examples", .integer(4...40), standard: 12,
        help: "training examples where all sets are tried"),
      Setting(
        "small.columns", .integer(.counting), standard: 4,
        help: "random directions that features are projected to there"),
      Setting("small.largest", .integer(1...5), standard: 3, help: "the largest sets tried there"),
    ] + BinaryTable.settings

  let models: [WatchedRegression.Kind]
  let sizes: [Int]
  let steps: [Int]
  let direction: RemovalDirection
  let smallLargest: Int
  let smallExamples: Int
  private let draws: Int
  private let keepsRows: Bool
  private let smallColumns: Int
  private let penalties: [WatchedRegression.Kind: Double]
  let table: BinaryTable

  /// Checks what goes together, and opens the data.
  public init(_ settings: Settings) throws {
    models = settings.texts("models").compactMap(WatchedRegression.Kind.init)
    sizes = settings.integers("sizes").sorted()
    steps = settings.integers("steps").sorted()
    for (key, values) in [("sizes", sizes), ("steps", steps)]
    where Set(values).count < values.count {
      throw settings.invalid(key, "a number is given twice")
    }
    direction = settings.text("direction") == "lower" ? .lower : .raise
    draws = settings.integer("random-draws")
    keepsRows = settings.flag("keep-rows")
    smallExamples = settings.integer("small.examples")
    smallColumns = settings.integer("small.columns")
    smallLargest = settings.integer("small.largest")
    penalties = [
      .leastSquares: settings.number("least-squares.penalty"),
      .logistic: settings.number("logistic.penalty"),
    ]
    table = try BinaryTable(settings)
    let largest = sizes.last ?? 0
    guard largest < settings.integer("data.training") else {
      throw settings.invalid(
        "sizes",
        "\(largest) of \(settings.integer("data.training")) training examples cannot be removed; give less than all"
      )
    }
    guard smallLargest < smallExamples else {
      throw settings.invalid(
        "small.largest", "\(smallLargest) is not less than small.examples, \(smallExamples)")
    }
  }

  /// The data set.
  public var inputs: OrderedDictionary<String, String> { [table.name: table.fingerprint] }

  /// One cell a seed and regression.
  public func cells(seeds: [UInt64]) -> [ExperimentCell] {
    seeds.flatMap { seed in
      models.map { model in
        ExperimentCell(Self.cell(seed, model)) { try compute(seed: seed, model, $0) }
      }
    }
  }

  static func cell(_ seed: UInt64, _ model: WatchedRegression.Kind) -> String {
    "seed-\(seed)/\(model.rawValue)"
  }

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

  private func compute(
    seed: UInt64, _ model: WatchedRegression.Kind, _ context: CellContext
  ) throws -> CellResult {
    let parts = try table.parts(seed: seed)
    let small = try table.parts(seed: seed, count: smallExamples, columns: smallColumns)
    context.progress("points", 0)
    let points = try Parallelism.map(parts.points.count) { point in
      [
        try large(parts, model, point, seed: seed), try self.small(small, model, point),
      ] as [OrderedJSON]
    }
    return CellResult(
      values: ["points": .array(points.map { $0[0] }), "small": .array(points.map { $0[1] })])
  }

  /// All searches for one point.
  private func large(
    _ parts: BinaryTable.Parts, _ model: WatchedRegression.Kind, _ point: Int, seed: UInt64
  ) throws -> OrderedJSON {
    let penalty = penalties[model] ?? 1
    let regression = try WatchedRegression(
      model, training: parts.training, points: parts.points, point: point, penalty: penalty)
    let largest = sizes.last ?? 1
    var found: OrderedDictionary<String, OrderedJSON> = [:]
    var fixed: Set<Int> = []
    var refitError = 0.0
    for (name, algorithm, step) in runs {
      // A smaller set is the beginning of a larger one, for every search.
      let subset = try regression.subset(largest, algorithm, step: step, direction)
      fixed.formUnion(subset.fixedRows)
      let actual = try sizes.map {
        direction.sign * (try regression.effect(ofRemoving: Array(subset.rows.prefix($0))))
      }
      var entry: OrderedDictionary<String, OrderedJSON> = [
        "predicted": .numbers(
          sizes.map { direction.sign * subset.gains.prefix($0).reduce(0, +) }),
        "actual": .numbers(actual),
      ]
      if keepsRows { entry["rows"] = .integers(subset.rows) }
      found[name] = .object(entry)
      if model == .leastSquares {
        refitError = max(
          refitError, try Self.refitError(regression, parts, subset.rows, point, penalty))
      }
    }
    var random = [Double](repeating: 0, count: sizes.count)
    for draw in 0..<draws {
      var generator = SeededGenerator(
        seed: seed, stream: 0x6472_6177 + UInt64(point) << 32 + UInt64(draw))
      let order = generator.permutation(parts.training.count)
      for (place, size) in sizes.enumerated() {
        random[place] +=
          direction.sign * (try regression.effect(ofRemoving: Array(order.prefix(size))))
          / Double(draws)
      }
    }
    found["random"] = ["actual": .numbers(random)]
    return [
      "searches": .object(found), "fixed": .integer(fixed.count),
      "refit_error": model == .leastSquares ? .number(refitError) : .null,
    ]
  }

  private var runs: [(String, RemovalAlgorithm, Int)] {
    [
      (RemovalAlgorithm.greedy.rawValue, .greedy, 1),
      (RemovalAlgorithm.leverageAdjusted.rawValue, .leverageAdjusted, 1),
    ] + steps.map { (Self.adaptive($0), .adaptive, $0) }
  }

  /// How far the effect by the formula is from that of fitting the rest anew, of the larger of both and 1.
  private static func refitError(
    _ regression: WatchedRegression, _ parts: BinaryTable.Parts, _ rows: [Int], _ point: Int,
    _ penalty: Double
  ) throws -> Double {
    let removed = Set(rows)
    func prediction(_ kept: [Int]) throws -> Double {
      let data = parts.training.selecting(kept)
      let model = try RidgeRegression(
        features: data.features.appendingOnes(),
        targets: WatchedRegression.targets(data), penalty: penalty)
      return zip(Array(parts.points.features[row: point]) + [1], model.parameters)
        .reduce(0) { $0 + $1.0 * $1.1 }
    }
    let all = Array(0..<parts.training.count)
    let refitted = try prediction(all.filter { !removed.contains($0) }) - prediction(all)
    let formula = try regression.effect(ofRemoving: rows)
    return abs(refitted - formula) / max(1, abs(refitted), abs(formula))
  }

  /// The searches against the best of all sets, among few examples.
  private func small(
    _ parts: BinaryTable.Parts, _ model: WatchedRegression.Kind, _ point: Int
  ) throws -> OrderedJSON {
    let regression = try WatchedRegression(
      model, training: parts.training, points: parts.points, point: point,
      penalty: penalties[model] ?? 1)
    var found: OrderedDictionary<String, OrderedJSON> = [:]
    let best = try (1...smallLargest).map {
      direction.sign
        * (try regression.effect(
          ofRemoving: regression.subset($0, .exhaustive, direction).rows))
    }
    found["best"] = .numbers(best)
    for (name, algorithm) in Self.smallSearches {
      let rows = try regression.subset(smallLargest, algorithm, direction).rows
      found[name] = .numbers(
        try (1...smallLargest).map {
          direction.sign * (try regression.effect(ofRemoving: Array(rows.prefix($0))))
        })
    }
    return .object(found)
  }
}
