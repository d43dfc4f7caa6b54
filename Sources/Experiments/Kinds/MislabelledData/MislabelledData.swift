internal import Data
public import OrderedCollections
internal import Evaluation
internal import Gradients
internal import Influence
internal import LinearAlgebra
internal import Models
internal import TensorFiles

/// Which methods find training examples whose labels are wrong.
///
/// DataInf's figure 2: a share of the training labels is made wrong, the model is trained on them, and examples
/// are ranked by how much they harm the mean loss of clean validation examples. The same for self-influence,
/// for the training loss, which needs no gradients, and for chance.
public struct MislabelledData: Experiment {
  /// `mislabelled-data`.
  public static let kind = "mislabelled-data"
  /// The question.
  public static let summary = "Which methods find training examples with wrong labels"
  /// DataInf's figure 2 and its like.
  public static let source =
    "DataInf (arXiv 2310.00902), figure 2; noisy labels of arXiv 2405.17490; Koh and Liang (2017), section 5.4."

  /// Data, model, methods.
  public static let settings =
    [
      Setting(
        "methods", .methods,
        standard: [
          "hessian-free", "cosine", "block-normalized", "datainf", "diagonal", "shampoo",
          "eshampoo",
          "kfac", "ekfac", "arnoldi", "nystrom", "lissa:depth=10", "cg:tolerance=1e-2", "exact",
          "relatif-l", "relatif-theta", "exact-ggn",
        ],
        help: "methods whose harm to the mean validation query ranks examples"),
      Setting(
        "self", .flag, standard: true, help: "whether the methods' self-influence ranks them too"),
      Setting(
        "self-methods", .methods,
        help: "methods whose self-influence ranks them, those of `methods` alone; all unless given"),
      Setting(
        "curves", .methods,
        standard: ["hessian-free", "datainf", "ekfac", "exact", "cosine"],
        help: "methods whose detection curves are drawn, those of `methods` alone"),
      Setting(
        "random-draws", .integer(1...1000), standard: 10, help: "random orders of each seed"),
      Setting(
        "keep-scores", .flag, standard: false,
        help: "whether every example's scores and the wrong rows are written to the results"),
      Setting(
        "model.rank", .integer(0...1024), standard: 0,
        help: "rank of LoRA adapters on a base model; 0 trains all weights"),
      Setting(
        "model.base-epochs", .integer(.counting), standard: 10,
        help: "passes of the base model over its own examples"),
      Setting(
        "data.base", .integer(0...Int.max), standard: 0,
        help: "examples that the base model of adapters is trained on"),
      GradientPair.layersSetting,
    ]
    + DataTask.settings(.init(training: 900, validation: 200, test: 500, flip: 0.2))
    + NetworkTask.settings(.init(hidden: [32], epochs: 20))

  let methods: [String]
  let curves: [String]
  /// The methods whose self-influence is asked for, in the order of ``methods``.
  let selfMethods: [String]
  private let draws: Int
  private let keepsScores: Bool
  private let lastLayers: Int?
  let data: DataTask
  private let network: NetworkTask

  /// Checks what goes together, and opens the data.
  public init(_ settings: Settings) throws {
    let methods = settings.texts("methods")
    self.methods = methods
    try HarmScores.check(methods, settings)
    curves = settings.texts("curves").filter(methods.contains)
    let own = settings.has("self-methods") ? settings.texts("self-methods") : methods
    if let method = own.first(where: { !methods.contains($0) }) {
      throw settings.invalid("self-methods", "\(method) is not among methods; add it there")
    }
    selfMethods = settings.flag("self") ? methods.filter(own.contains) : []
    draws = settings.integer("random-draws")
    keepsScores = settings.flag("keep-scores")
    lastLayers = try GradientPair.lastLayers(settings, methods: methods)
    let (rank, base) = (settings.integer("model.rank"), settings.integer("data.base"))
    guard rank == 0 || base > 0 else {
      throw settings.invalid(
        "model.rank", "adapters need a base model; give it examples by data.base")
    }
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

  /// The shares of examples at which detection curves are kept.
  static let shares = (0...50).map { Double($0) / 50 }

  private func compute(seed: UInt64, _ context: CellContext) throws -> CellResult {
    let parts = try data.parts(seed: seed)
    let wrong = parts.flippedRows
    let model = try network.trained(on: parts, seed: seed, progress: context.progress)
    let gradients = try GradientPair(
      of: model, training: parts.training, queries: parts.validation, methods: methods,
      lastLayers: lastLayers, seed: seed)
    var harm: OrderedDictionary<String, OrderedJSON> = [:]
    var own: OrderedDictionary<String, OrderedJSON> = [:]
    var costs: OrderedDictionary<String, OrderedJSON> = [:]
    var warnings: OrderedDictionary<String, OrderedJSON> = [:]
    var harms: OrderedDictionary<String, [Double]> = [:]
    var selves: OrderedDictionary<String, [Double]> = [:]
    for (index, method) in methods.enumerated() {
      context.progress(method, Double(index) / Double(methods.count))
      let includesSelf = selfMethods.contains(method)
      let scores = try HarmScores(of: method, gradients, includesSelf: includesSelf)
      harms[method] = scores.harm
      if includesSelf { selves[method] = scores.selfInfluence }
      harm[method] = try ranking(scores.harm, wrong)
      if includesSelf { own[method] = try ranking(scores.selfInfluence, wrong) }
      var seconds: OrderedDictionary<String, OrderedJSON> = [
        "fit_seconds": .number(scores.seconds.fit), "harm_seconds": .number(scores.seconds.harm),
      ]
      if includesSelf { seconds["self_seconds"] = .number(scores.seconds.selfInfluence) }
      costs[method] = .object(seconds)
      if !scores.warnings.isEmpty {
        warnings[method] = .array(scores.warnings.map { .string($0) })
      }
    }
    let count = parts.training.count
    let random = try (0..<draws).map { draw in
      var generator = SeededGenerator(seed: seed, stream: 0x7261_6E64 + UInt64(draw))
      return try Ranked(generator.permutation(count).map(Double.init), wrong)
    }
    let predicted = model.predictions(for: parts.training.features.view)
    let learned = wrong.count { predicted[$0] == parts.training.labels[$0] }
    var values: OrderedDictionary<String, OrderedJSON> = [
      "wrong_labels": .integer(wrong.count), "examples": .integer(count),
      "columns": .integer(gradients.training.layout.columnCount),
      "test_accuracy": .number(try model.accuracy(on: parts.test)),
      "wrong_labels_learned": .number(Double(learned) / Double(wrong.count)),
      "harm": .object(harm), "self": .object(own),
      "baselines": [
        "training loss": try ranking(model.losses(of: parts.training), wrong),
        "random": Ranked(meanOf: random).json,
      ],
      "warnings": .object(warnings),
    ]
    if keepsScores { values["wrong_rows"] = .integers(wrong.sorted()) }
    return CellResult(
      values: .object(values), costs: .object(costs),
      scores: [
        CellScores(
          "harm", about: "harm to the mean validation query; high marks examples to look at",
          rows: harms),
        CellScores("self", about: "self-influence; high marks examples to look at", rows: selves),
      ].filter { !$0.rows.isEmpty })
  }

  private func ranking(_ scores: [Double], _ wrong: Set<Int>) throws -> OrderedJSON {
    let json = try Ranked(scores, wrong).json
    guard keepsScores, var members = json.object else { return json }
    members["scores"] = .numbers(scores)
    return .object(members)
  }
}

/// How well one order of the examples finds the wrong labels.
private struct Ranked {
  let isConstant: Bool
  let areaUnderROC: Double
  let recalls: [Double]
  let curve: [Double]

  init(_ scores: [Double], _ wrong: Set<Int>) throws {
    // By construction, not by chance: no order, of which rounding would make one.
    let isConstant = HarmScores.isConstant(scores)
    self.isConstant = isConstant
    areaUnderROC = isConstant ? 0.5 : try Detection.areaUnderROC(scores: scores, positives: wrong)
    let found = try Detection.detectionCurve(scores: scores, positives: wrong)
    recalls = isConstant ? [0.1, 0.2] : try [0.1, 0.2].map { try found.recall(atFraction: $0) }
    curve = MislabelledData.shares.map { share in
      isConstant
        ? share : found.recall(inspected: Int((share * Double(scores.count)).rounded()))
    }
  }

  init(meanOf all: [Ranked]) {
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
    isConstant = false
    areaUnderROC = mean(all.map(\.areaUnderROC))
    recalls = [0, 1].map { index in mean(all.map { $0.recalls[index] }) }
    curve = MislabelledData.shares.indices.map { index in mean(all.map { $0.curve[index] }) }
  }

  var json: OrderedJSON {
    [
      "auc": .number(areaUnderROC), "recall_10": .number(recalls[0]),
      "recall_20": .number(recalls[1]), "constant": .boolean(isConstant), "curve": .numbers(curve),
    ]
  }
}
