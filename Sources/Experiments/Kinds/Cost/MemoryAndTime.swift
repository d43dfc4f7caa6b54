internal import InfluenceKit
internal import OrderedCollections

/// What each method costs on the gradients of a language model's adapters, measured, as examples, layers and rank grow.
///
/// DataInf's table 1 on real gradients: pairs of low rank are trained on texts with classes, and every method is fitted and
/// scored on what they leave. The gradients themselves, and the Kronecker factors that some methods ask for, are measured too.
struct MemoryAndTime: CostExperiment, ExperimentOnExamples {
  static let kind = "memory-and-time"
  static let summary =
    "What time and memory does each method take on the gradients of a language model's adapters"
  static let source = "DataInf (arXiv 2310.00902), table 1 and sections 5.1 and 5.4."

  static let settings =
    [
      Setting.methods(
        "methods",
        [
          HessianFree.name, BlockNormalized.name, Cosine.name, LESS.name, HyperINF.name,
          KFAC.name, EKFAC.name, EKFACConjugateGradient.name, LiSSA.name, TrackStar.name,
        ], help: "methods on the side that costs choose"),
      Setting.methods(
        "two-sided", [DataInf.name, ExactFisher.name],
        help: "methods on the score side, through the n × n kernel, and on the query side"),
      Setting(
        "examples", .integers(2...Setting.mostCounted), standard: [150, 300, 600, 1200],
        help: "n, data.training at most"),
      Setting(
        "layers", .integers(1...Setting.mostCounted), standard: [1, 2, 3, 6],
        help: "how many layers, from the last, get pairs"),
      Setting("ranks", .integers(1...1024), standard: [1, 2, 4, 8], help: "ranks of the pairs"),
      Setting.count("fixed.examples", 600, help: "n of the other axes"),
      Setting.count("fixed.layers", 6, help: "layers of the other axes"),
      Setting(
        "fixed.rank", .integer(1...1024), standard: 4, help: "rank of the other axes"),
      Setting(
        "targets", .choice(of: AdapterTraining.Targets.self), standard: "value",
        help: "the maps beside which adapters are put"),
      Setting.count("repeats", 3, help: "measurements of each point"),
    ] + AdapterTraining.classifierSettings + LabelledTexts.settings

  struct Options: Decodable {
    let methods: [String]
    let twoSided: [String]
    let fixed: Fixed
    let targets: AdapterTraining.Targets
    let repeats: Int

    struct Fixed: Decodable {
      let examples: Int
      let layers: Int
      let rank: Int
    }
  }

  private static let gradients = "gradients"
  private static let factors = "Kronecker factors"

  let axes: [CostAxis] = [.examples, .layers, .ranks]
  let variants: [CostVariant]
  let sizes: [CostAxis: [Int]]
  let stages = [gradients, factors]
  let data: LabelledTexts
  private let options: Options
  private let training: AdapterTraining

  init(_ settings: Settings) throws {
    let options: Options = settings.values()
    self.options = options
    try AdapterTraining.check(options.methods + options.twoSided, settings)
    variants = try Self.variants(options.methods, twoSided: options.twoSided, settings)
    sizes = try Self.sizes(along: axes, settings)
    data = try LabelledTexts(settings)
    training = AdapterTraining(settings, of: data.checkpoint)
    let most = settings.integer("data.training")
    for (key, size) in [
      ("examples", sizes[.examples]?.last ?? 0), ("fixed.examples", options.fixed.examples),
    ] where size > most {
      throw settings.invalid(key, "\(size) are more than data.training, \(most)")
    }
    let layers = data.checkpoint.configuration.layerCount
    for (key, size) in [
      ("layers", sizes[.layers]?.last ?? 0), ("fixed.layers", options.fixed.layers),
    ] where size > layers {
      throw settings.invalid(key, "\(size) are more than the model has, \(layers)")
    }
    // What cannot be made is known before a model is trained.
    for point in points { _ = try untrained(point, seed: 0) }
  }

  /// n, layers and rank at a point.
  private func shape(_ point: CostPoint) -> (examples: Int, layers: Int, rank: Int) {
    var shape = (
      examples: options.fixed.examples, layers: options.fixed.layers, rank: options.fixed.rank
    )
    switch point.axis {
    case .examples: shape.examples = point.size
    case .layers, .blocks: shape.layers = point.size
    case .ranks, .columns: shape.rank = point.size
    }
    return shape
  }

  private func untrained(_ point: CostPoint, seed: UInt64) throws -> FineTunedModel {
    let (_, layers, rank) = shape(point)
    return try training.untrained(
      options.targets, rank: rank, layers: layers, classCount: data.classCount, seed: seed)
  }

  func compute(
    seed: UInt64, at point: CostPoint, _ context: CellContext
  ) throws -> CellResult<Self> {
    let parts = try data.parts(seed: seed)
    let texts = Array(parts.training.prefix(shape(point).examples))
    let model = try untrained(point, seed: seed).trained(on: texts, weights: nil, seed: seed) {
      context.progress("training", $0)
    }
    let trained = TrainedTask(
      model, on: ExampleParts(training: texts, validation: parts.validation), seed: seed)
    let pair = try trained.gradients(for: options.methods + options.twoSided)
    let (counted, measured) = try measured(
      pair.training, pair.queries, repeats: options.repeats, context)
    var costs = measured
    // Each by itself; together they take less, as they share the passes through the model.
    context.progress(Self.gradients, 0)
    costs[Self.gradients] = try .measuring(repeats: 1) {
      _ = try model.gradients(of: texts, name: "training", as: Float.self)
    }
    context.progress(Self.factors, 0)
    costs[Self.factors] = try .measuring(repeats: 1) {
      _ = try model.kroneckerFactors(over: texts, labels: .sampled(seed: seed))
    }
    return CellResult(counted, costs: costs)
  }

  func check(_ results: ExperimentResults<Self>, in report: inout ExperimentReport) {
    guard !results.isQuick, let examples = sizes[.examples]?.last else { return }
    let largest = CostPoint(axis: .examples, size: examples)
    let times = variants.compactMap { median(results, largest, $0.name, \.seconds) }
    report.check(
      "Every method has been measured at the largest n", times.count == variants.count,
      detail: "table times")
  }
}
