internal import Data
public import OrderedCollections
internal import Evaluation
internal import Influence
internal import LinearAlgebra
internal import Models
internal import TensorFiles

/// How accurate a model becomes that is trained anew on the best examples only.
///
/// DataInf's appendix F keeps the best 70 % of noisy training data. Scores are of the mean loss of clean
/// validation examples; accuracy is that on test examples which no score has seen, after a number of epochs
/// that was fixed beforehand. Against: all examples, as many at random, those of the lowest training loss,
/// and all whose labels are right.
public struct SelectedData: Experiment {
  /// `data-selection`.
  public static let kind = "data-selection"
  /// The question.
  public static let summary =
    "How accurate is a model that is trained anew on the best-scored examples"
  /// DataInf's appendix F, and trimming.
  public static let source =
    "DataInf (arXiv 2310.00902), appendix F; trimming of arXiv 2405.17490."

  /// Data, model, methods, shares.
  public static let settings =
    [
      Setting(
        "methods", .methods,
        standard: [
          "hessian-free", "cosine", "datainf", "shampoo", "ekfac", "exact", "relatif-l",
        ],
        help: "methods whose scores of the mean validation query choose examples"),
      Setting(
        "self-methods", .methods, standard: ["hessian-free", "ekfac"],
        help: "methods whose self-influence chooses examples: those of the lowest stay"),
      Setting(
        "shares", .numbers(0.001...1), standard: [0.9, 0.7, 0.5, 0.3],
        help: "shares of the training examples that are kept; all of them are always trained on"),
      Setting(
        "random-draws", .integer(1...1000), standard: 5, help: "random choices of each size"),
      Setting(
        "retrainings", .integer(1...1000), standard: 1,
        help: "initial weights that each choice is trained from; their mean accuracy counts"),
      GradientPair.layersSetting,
    ]
    + DataTask.settings(.init(training: 900, validation: 200, test: 600, flip: 0.2))
    + NetworkTask.settings(.init(hidden: [32], epochs: 20))

  let methods: [String]
  let selfMethods: [String]
  let shares: [Double]
  let draws: Int
  private let retrainings: Int
  private let lastLayers: Int?
  private let data: DataTask
  private let network: NetworkTask

  /// Checks what goes together, and opens the data.
  public init(_ settings: Settings) throws {
    methods = settings.texts("methods")
    selfMethods = settings.texts("self-methods")
    try HarmScores.check(methods, settings)
    try HarmScores.check(selfMethods, settings, key: "self-methods")
    shares = settings.numbers("shares").filter { $0 < 1 }.sorted(by: >)
    guard Set(shares).count == shares.count else {
      throw settings.invalid("shares", "a share is given twice")
    }
    guard !shares.isEmpty else {
      throw settings.invalid("shares", "nothing would be left out; give a share below 1")
    }
    draws = settings.integer("random-draws")
    retrainings = settings.integer("retrainings")
    lastLayers = try GradientPair.lastLayers(settings, methods: methods + selfMethods)
    data = try DataTask(settings)
    try data.requireWrongLabels(settings)
    network = NetworkTask(settings)
  }

  /// The data set.
  public var inputs: OrderedDictionary<String, String> {
    OrderedDictionary(uniqueKeysWithValues: data.inputs)
  }

  /// One cell a seed.
  public func cells(seeds: [UInt64]) -> [ExperimentCell] {
    seeds.map { seed in
      ExperimentCell(Self.cell(seed)) { try compute(seed: seed, $0) }
    }
  }

  static func cell(_ seed: UInt64) -> String { "seed-\(seed)" }
  static func ownName(_ method: String) -> String { "self-influence: \(method)" }

  /// A choice of training rows, ascending.
  private struct Choice {
    let name: String
    let rows: [Int]
  }

  private func compute(seed: UInt64, _ context: CellContext) throws -> CellResult {
    let parts = try data.parts(seed: seed)
    let count = parts.training.count
    let model = try network.trained(on: parts, seed: seed, progress: context.progress)
    context.progress("scores", 0)
    let all = OrderedSet(methods + selfMethods)
    let gradients = try GradientPair(
      of: model, training: parts.training, queries: parts.validation, methods: Array(all),
      lastLayers: lastLayers, seed: seed)
    var rankings: OrderedDictionary<String, [Double]> = [:]
    var own: OrderedDictionary<String, [Double]> = [:]
    for method in all {
      let scores = try HarmScores(
        of: method, gradients, includesSelf: selfMethods.contains(method))
      if methods.contains(method) { rankings[method] = scores.harm }
      if selfMethods.contains(method) { own[Self.ownName(method)] = scores.selfInfluence }
    }
    rankings.merge(own) { $1 }
    rankings["training loss"] = try model.losses(of: parts.training)
    var choices: [Choice] = [Choice(name: "all", rows: Array(0..<count))]
    // Rows of high harm go first.
    for (name, harm) in rankings {
      for share in shares {
        choices.append(
          Choice(
            name: name,
            rows: try DataSelection.rows(keeping: share, scores: harm.map { -$0 })))
      }
    }
    for share in shares {
      for draw in 0..<draws {
        var generator = SeededGenerator(seed: seed, stream: 0x6472_6177 + UInt64(draw))
        choices.append(
          Choice(
            name: "random",
            rows: generator.permutation(count)
              .prefix(try Ranking.topCount(fraction: share, of: count)).sorted()))
      }
    }
    choices.append(
      Choice(
        name: "right labels alone", rows: (0..<count).filter { !parts.flippedRows.contains($0) }))
    let accuracies = try accuracies(of: choices, parts, seed: seed, context)
    return CellResult(values: values(choices, accuracies, parts))
  }

  /// The test accuracy of each choice, trained from scratch.
  private func accuracies(
    of choices: [Choice], _ parts: DataTask.Parts, seed: UInt64, _ context: CellContext
  ) throws -> [Double] {
    context.progress("\(choices.count) choices are trained on", 0)
    let values = try Parallelism.map(choices.count * retrainings) { index -> Double in
      let rows = choices[index / retrainings].rows
      // The first has the weights and the seed of the model that was scored.
      let other = seed &+ UInt64(index % retrainings) &* 1_000_003
      let model = try network.trained(on: parts.training.selecting(rows), seed: other)
      return try model.accuracy(on: parts.test)
    }
    return choices.indices.map { choice in
      values[choice * retrainings..<(choice + 1) * retrainings].reduce(0, +)
        / Double(retrainings)
    }
  }

  private func values(
    _ choices: [Choice], _ accuracies: [Double], _ parts: DataTask.Parts
  ) -> OrderedJSON {
    typealias Outcomes = (accuracies: [Double], wrong: [Double], least: [Double])
    var found: OrderedDictionary<String, Outcomes> = [:]
    for (choice, accuracy) in zip(choices, accuracies) {
      let wrong = choice.rows.count { parts.flippedRows.contains($0) }
      found[choice.name, default: ([], [], [])].accuracies.append(accuracy)
      found[choice.name, default: ([], [], [])].wrong.append(
        Double(wrong) / Double(choice.rows.count))
      found[choice.name, default: ([], [], [])].least.append(
        Self.leastShareOfAClass(choice.rows, labels: parts.training.labels))
    }
    // Random choices are draws of each share: their means.
    if let random = found["random"] {
      func means(_ values: [Double]) -> [Double] {
        shares.indices.map { share in
          values[share * draws..<(share + 1) * draws].reduce(0, +) / Double(draws)
        }
      }
      found["random"] = (means(random.accuracies), means(random.wrong), means(random.least))
    }
    return [
      "wrong_share": .number(Double(parts.flippedRows.count) / Double(parts.training.count)),
      "choices": .object(
        found.mapValues {
          [
            "accuracies": .numbers($0.accuracies), "wrong_shares": .numbers($0.wrong),
            "least_class_shares": .numbers($0.least),
          ]
        }),
    ]
  }

  /// The share of its examples that stays of the class that loses most.
  private static func leastShareOfAClass(_ rows: [Int], labels: [Int]) -> Double {
    let all = Dictionary(grouping: labels) { $0 }.mapValues(\.count)
    let kept = Dictionary(grouping: rows.map { labels[$0] }) { $0 }.mapValues(\.count)
    return all.map { Double(kept[$0] ?? 0) / Double($1) }.min() ?? 0
  }
}
