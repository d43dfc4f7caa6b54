internal import InfluenceKit
internal import OrderedCollections

/// The data of an experiment with classes, as its file describes them: which, how many, how noisy.
///
/// Training, validation and test examples are drawn anew for every seed, and share no example.
/// Influence is asked of the validation examples; the test examples are looked at once, at the end.
struct LabelledExamples: ConfiguredSource {
  /// How many of each, and how much noise, an experiment takes unless its file says otherwise.
  struct Sizes {
    var base = 0
    var training: Int
    var validation: Int
    /// 0 where the experiment has no final number; then there is no setting of it.
    var test: Int
    var flip = 0.0
  }

  static func settings(_ sizes: Sizes) -> [Setting] {
    var settings = [
      Setting(
        "data.set", .choice(LabelledPool.names), standard: "digits",
        help: "the data set; mnist and cifar10n need data.folder"),
      .dataFolder,
      Setting.count("data.training", sizes.training, help: "training examples"),
      Setting.count(
        "data.validation", sizes.validation, help: "clean examples that influence is asked of"),
      Setting(
        "data.flip", .number(.share), standard: .number(sizes.flip),
        help: "the share of training labels that are made wrong"),
    ]
    settings += LabelledPool.settings
    if sizes.test > 0 {
      settings.append(
        Setting.count("data.test", sizes.test, help: "clean examples for the final accuracy"))
    }
    if sizes.base > 0 {
      settings.append(
        Setting.count("data.base", sizes.base, help: "examples that the base model is trained on"))
    }
    return settings
  }

  private let source: LabelledPool
  private let sizes: Sizes

  /// Opens the data.
  ///
  /// - Throws: ``ExperimentError`` where there are fewer examples than asked for; an error from reading.
  init(_ settings: Settings) throws {
    sizes = Sizes(
      base: settings.has("data.base") ? settings.integer("data.base") : 0,
      training: settings.integer("data.training"),
      validation: settings.integer("data.validation"),
      test: settings.has("data.test") ? settings.integer("data.test") : 0,
      flip: settings.number("data.flip"))
    source = try LabelledPool(settings)
    let held = source.held?.count ?? 0
    let others = sizes.validation + max(1, sizes.test)
    try settings.require(
      sizes.base + sizes.training + (held == 0 ? others : 0), of: source.name,
      with: source.pool.count)
    if held > 0 {
      try settings.require(
        others, of: source.name, with: held, "examples beside the training set",
        key: "data.validation")
    }
    if source.noisyLabels != nil, sizes.flip > 0 {
      throw settings.invalid("data.flip", "\(source.name) has wrong labels of its own; give 0")
    }
  }

  var inputs: OrderedDictionary<String, String> { source.inputs }
  var classCount: Int { source.pool.classCount }
  /// How features are pixels; nil where they are not.
  var image: ImageShape? { source.image }
  /// Whether wrong labels are people's, and not made.
  var hasHumanLabels: Bool { source.noisyLabels != nil }
  /// How many training labels are made wrong.
  private var flippedCount: Int { Int((sizes.flip * Double(sizes.training)).rounded()) }

  /// Refuses training examples without a single wrong label, or without a right one.
  ///
  /// - Throws: ``ExperimentError``.
  func requireWrongLabels(_ settings: Settings) throws {
    guard !hasHumanLabels, !(1..<sizes.training).contains(flippedCount) else { return }
    throw settings.invalid(
      "data.flip",
      "\(flippedCount) of \(sizes.training) labels would be wrong; give a share that makes some, and not all, of them wrong"
    )
  }

  func parts(seed: UInt64) throws -> ExampleParts<TabularDataSet<Double>> {
    let trainingCounts = (sizes.base > 0 ? [sizes.base] : []) + [sizes.training]
    // One example where there is no final number, so that the others are drawn as where there is one.
    let drawn = try source.split(
      training: trainingCounts, others: [sizes.validation, max(1, sizes.test)], seed: seed)
    let clean = drawn[trainingCounts.count - 1]
    let (validation, test) = (drawn[trainingCounts.count], drawn[trainingCounts.count + 1])
    let training: TabularDataSet<Double>
    let wrong: [Int]
    if let labels = source.noisyLabels {
      training = try clean.relabelled(clean.ids.map { labels[$0] })
      wrong = clean.labels.indices.filter { training.labels[$0] != clean.labels[$0] }
    } else {
      (training, wrong) = try clean.flippingLabels(fraction: sizes.flip, seed: seed)
    }
    return ExampleParts(
      base: sizes.base > 0 ? drawn[0] : nil, training: training, validation: validation,
      test: sizes.test > 0 ? test : nil, trueLabels: clean.labels, wrongRows: Set(wrong))
  }
}
