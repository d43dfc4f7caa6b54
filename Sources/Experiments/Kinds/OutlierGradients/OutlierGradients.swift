internal import Data
public import OrderedCollections
internal import Evaluation
internal import Gradients
internal import Influence
internal import LinearAlgebra
internal import Models
internal import TensorFiles

/// Whether outlying gradients mark wrong labels, and whether training is better without them.
///
/// Outlier gradient analysis drops both the query and the curvature: an isolation forest, or a norm, on the gradients
/// of the training examples. Against self-influence, harm to the mean validation query, training loss and chance,
/// where wrong labels are of any class, and where they are all of the next class and so no outliers. Test examples
/// are looked at once, after a number of epochs that was fixed beforehand.
public struct OutlierGradients: Experiment {
  /// `outlier-gradients`.
  public static let kind = "outlier-gradients"
  /// The question.
  public static let summary =
    "Do outlying gradients mark wrong labels, and is training better without"
  /// Outlier gradient analysis.
  public static let source = "Outlier Gradient Analysis (arXiv 2405.03869), CIFAR-10N and trimming."

  /// Data, model, rankings.
  public static let settings =
    [
      Setting(
        "noise", .choices(Noise.allCases.map(\.rawValue)), standard: ["uniform", "next-class"],
        help:
          "how labels are made wrong: to any other class, or each class to the next; not for cifar10n"
      ),
      Setting(
        "regions", .choices(Region.allCases.map(\.rawValue)),
        standard: ["all-layers", "last-layer"], help: "whose gradients are looked at"),
      Setting(
        "self-methods", .methods, standard: ["exact", "datainf"],
        help: "methods whose self-influence and harm to the mean validation query rank examples"),
      Setting(
        "trims", .numbers(0.001...0.999), standard: [0.05, 0.1, 0.2],
        help: "shares of the training examples that are left out"),
      Setting(
        "random-draws", .integer(1...1000), standard: 5, help: "random orders of each seed"),
      Setting(
        "forest.trees", .integer(1...100_000), standard: 100,
        help: "trees of the isolation forest"),
      Setting(
        "forest.sample", .integer(2...1_000_000), standard: 256,
        help: "examples that a tree is grown on"),
      Setting(
        "keep-scores", .flag, standard: false,
        help: "whether every example's scores and the wrong rows are written to the results"),
    ]
    + DataTask.settings(.init(training: 900, validation: 200, test: 600, flip: 0.2))
    + NetworkTask.settings(.init(hidden: [32], epochs: 20))

  /// How labels become wrong.
  enum Noise: String, CaseIterable {
    case uniform
    case nextClass = "next-class"
  }

  /// Which gradients are looked at.
  enum Region: String, CaseIterable {
    case allLayers = "all-layers"
    case lastLayer = "last-layer"
  }

  let regions: [Region]
  let trims: [Double]
  let selfMethods: [String]
  /// The kinds of wrong labels, `people` for those that a data set has.
  let noises: [String]
  private let draws: Int
  private let keepsScores: Bool
  private let forest: IsolationForestSettings
  private let data: DataTask
  private let network: NetworkTask

  /// Checks what goes together, and opens the data.
  public init(_ settings: Settings) throws {
    regions = settings.texts("regions").compactMap(Region.init)
    selfMethods = settings.texts("self-methods")
    try HarmScores.check(selfMethods, settings, key: "self-methods")
    trims = settings.numbers("trims").sorted()
    guard Set(trims).count == trims.count else {
      throw settings.invalid("trims", "a share is given twice")
    }
    draws = settings.integer("random-draws")
    keepsScores = settings.flag("keep-scores")
    forest = IsolationForestSettings(
      trees: settings.integer("forest.trees"), sample: settings.integer("forest.sample"))
    if !regions.contains(.allLayers),
      let whole = selfMethods.first(where: {
        $0.contains("exact-ggn") || $0.contains("exact-hessian")
      })
    {
      throw settings.invalid(
        "self-methods", "\(whole) needs the gradients of all layers; add all-layers to regions")
    }
    data = try DataTask(settings)
    try data.requireWrongLabels(settings)
    noises = data.hasHumanLabels ? ["people"] : settings.texts("noise")
    network = NetworkTask(settings)
  }

  /// The data set.
  public var inputs: OrderedDictionary<String, String> {
    OrderedDictionary(uniqueKeysWithValues: data.inputs)
  }

  /// One cell a seed and kind of noise.
  public func cells(seeds: [UInt64]) -> [ExperimentCell] {
    seeds.flatMap { seed in
      noises.map { noise in
        ExperimentCell(Self.cell(seed, noise)) { try compute(seed: seed, noise: noise, $0) }
      }
    }
  }

  static func cell(_ seed: UInt64, _ noise: String) -> String { "seed-\(seed)/\(noise)" }

  /// The names of rankings in the order of tables; `random` is beside them.
  var rankings: [String] {
    regions.flatMap { region in Self.measures.map { "\($0), \(region.rawValue)" } }
      + selfMethods.map { "self-influence: \($0)" } + selfMethods.map { "harm: \($0)" }
      + ["training loss"]
  }

  static let measures = ["isolation-forest", "l1", "l2"]

  /// The same examples wrong, each of the class after its true one.
  private static func nextClass(_ parts: DataTask.Parts) throws -> DataTask.Parts {
    let count = parts.training.classCount
    var labels = parts.trueLabels
    for row in parts.flippedRows { labels[row] = (labels[row] + 1) % count }
    return DataTask.Parts(
      base: parts.base, training: try parts.training.relabelled(labels),
      trueLabels: parts.trueLabels, flippedRows: parts.flippedRows, validation: parts.validation,
      test: parts.test)
  }

  private func compute(
    seed: UInt64, noise: String, _ context: CellContext
  ) throws -> CellResult {
    let drawn = try data.parts(seed: seed)
    let parts = noise == Noise.nextClass.rawValue ? try Self.nextClass(drawn) : drawn
    let model = try network.trained(on: parts, seed: seed, progress: context.progress)
    context.progress("scores", 0)
    var costs: OrderedDictionary<String, OrderedJSON> = [:]
    let scores = try scores(of: model, parts, seed: seed, &costs)
    let wrong = parts.flippedRows
    let count = parts.training.count
    let orders = (0..<draws).map { draw in
      var generator = SeededGenerator(seed: seed, stream: 0x6472_6177 + UInt64(draw))
      return generator.permutation(count).map(Double.init)
    }
    let right = (0..<count).filter { !wrong.contains($0) }
    // All, right labels alone, then every trim of every ranking and of every random order.
    var rows = [Array(0..<count), right]
    for order in Array(scores.values) + orders {
      for trim in trims {
        rows.append(try TrimCurve.rows(removing: trim, scores: order.map { -$0 }))
      }
    }
    let choices = rows
    context.progress("\(choices.count) choices are trained on", 0)
    let accuracies = try Parallelism.map(choices.count) { index in
      try network.trained(on: parts.training.selecting(choices[index]), seed: seed)
        .accuracy(on: parts.test)
    }
    func entry(_ scores: [Double], _ place: Int) throws -> [String: [Double]] {
      let first = 2 + place * trims.count
      let found = try Detection.detectionCurve(scores: scores, positives: wrong)
      return [
        "auc": [try Detection.areaUnderROC(scores: scores, positives: wrong)],
        "recalls": trims.indices.map {
          found.recall(inspected: count - choices[first + $0].count)
        },
        "accuracies": Array(accuracies[first..<first + trims.count]),
      ]
    }
    var found: OrderedDictionary<String, OrderedJSON> = [:]
    for (place, (name, values)) in scores.enumerated() {
      var json = Self.json([try entry(values, place)])
      if keepsScores { json["scores"] = .numbers(values) }
      found[name] = .object(json)
    }
    found["random"] = .object(
      Self.json(try orders.enumerated().map { try entry($1, scores.count + $0) }))
    let predicted = model.predictions(for: parts.training.features.view)
    var values: OrderedDictionary<String, OrderedJSON> = [
      "all": .number(accuracies[0]), "right_labels": .number(accuracies[1]),
      "wrong_share": .number(Double(wrong.count) / Double(count)),
      "wrong_labels_learned": .number(
        Double(wrong.count { predicted[$0] == parts.training.labels[$0] }) / Double(wrong.count)),
      "rankings": .object(found),
    ]
    if keepsScores { values["wrong_rows"] = .integers(wrong.sorted()) }
    return CellResult(values: .object(values), costs: .object(costs))
  }

  /// The means of several draws, or of one ranking.
  private static func json(
    _ draws: [[String: [Double]]]
  ) -> OrderedDictionary<String, OrderedJSON> {
    func mean(_ key: String) -> [Double] {
      let all = draws.compactMap { $0[key] }
      return (all.first ?? []).indices.map { place in
        all.reduce(0) { $0 + $1[place] } / Double(all.count)
      }
    }
    return [
      "auc": .number(mean("auc")[0]), "recalls": .numbers(mean("recalls")),
      "accuracies": .numbers(mean("accuracies")),
    ]
  }

  /// Every ranking's scores: high ones are left out first.
  private func scores(
    of model: MultilayerPerceptron<Double>, _ parts: DataTask.Parts, seed: UInt64,
    _ costs: inout OrderedDictionary<String, OrderedJSON>
  ) throws -> OrderedDictionary<String, [Double]> {
    let gradients = try GradientPair(
      of: model, training: parts.training, queries: parts.validation, methods: selfMethods,
      lastLayers: regions.contains(.allLayers) ? nil : 1, seed: seed)
    let store = gradients.training
    let head = store.layout.blocks.indices.filter {
      store.layout.blocks[$0].name.hasPrefix("head.")
    }
    var settings = forest
    settings.seed = seed
    let clock = ContinuousClock()
    var scores: OrderedDictionary<String, [Double]> = [:]
    for region in regions {
      let blocks = region == .allLayers ? nil : head
      for (name, measure) in zip(
        Self.measures, [.isolationForest(settings), .l1, .l2] as [OutlierMeasure])
      {
        let start = clock.now
        scores["\(name), \(region.rawValue)"] = try store.outlierScores(by: measure, blocks: blocks)
        costs["\(name), \(region.rawValue)"] = .number((clock.now - start) / .seconds(1))
      }
    }
    var harm: OrderedDictionary<String, [Double]> = [:]
    for method in selfMethods {
      let found = try HarmScores(of: method, gradients, includesSelf: true)
      scores["self-influence: \(method)"] = found.selfInfluence
      harm["harm: \(method)"] = found.harm
      costs["self-influence: \(method)"] = .number(found.seconds.fit + found.seconds.selfInfluence)
      costs["harm: \(method)"] = .number(found.seconds.fit + found.seconds.harm)
    }
    scores.merge(harm) { $1 }
    scores["training loss"] = try model.losses(of: parts.training)
    return scores
  }
}
