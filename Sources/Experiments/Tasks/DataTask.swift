internal import Data
internal import LinearAlgebra
internal import Models
internal import TensorFiles

/// The data of an experiment with classes, as its file describes them: which, how many, how noisy.
///
/// Training, validation and test examples are drawn anew for every seed, and share no example.
/// Influence is asked of the validation examples; the test examples are looked at once, at the end.
struct DataTask: Sendable {
  /// How many of each, and how much noise, an experiment takes unless its file says otherwise.
  struct Sizes {
    var base = 0
    var training: Int
    var validation: Int
    /// 0 where the experiment has no final number; then there is no setting of it.
    var test: Int
    var flip = 0.0
  }

  /// The examples of one seed.
  struct Parts: Sendable {
    /// Examples that only a base model sees; nil where there is none.
    let base: TabularDataSet<Double>?
    /// Training examples as the model sees them, wrong labels included.
    let training: TabularDataSet<Double>
    /// The labels that the training examples should have.
    let trueLabels: [Int]
    /// The training rows whose labels are wrong.
    let flippedRows: Set<Int>
    /// Clean examples that influence is asked of.
    let validation: TabularDataSet<Double>
    /// Clean examples that only the final number sees; one example, unused, where there is no such number.
    let test: TabularDataSet<Double>
  }

  /// The settings under `data`.
  static func settings(_ sizes: Sizes) -> [Setting] {
    var settings = [
      Setting(
        "data.set", .choice(ExampleSource.names), standard: "digits",
        help: "the data set; all but digits need data.folder"),
      Setting("data.folder", .path, help: "the folder of data sets that docs/data.md describes"),
      Setting(
        "data.training", .integer(.counting), standard: .integer(sizes.training),
        help: "training examples"),
      Setting(
        "data.validation", .integer(.counting), standard: .integer(sizes.validation),
        help: "clean examples that influence is asked of"),
      Setting(
        "data.flip", .number(.share), standard: .number(sizes.flip),
        help: "the share of training labels that are made wrong"),
    ]
    settings += ExampleSource.settings
    if sizes.test > 0 {
      settings.append(
        Setting(
          "data.test", .integer(.counting), standard: .integer(sizes.test),
          help: "clean examples for the final accuracy"))
    }
    if sizes.base > 0 {
      settings.append(
        Setting(
          "data.base", .integer(.counting), standard: .integer(sizes.base),
          help: "examples that the base model is trained on"))
    }
    return settings
  }

  /// Names and fingerprints of what is read.
  let inputs: [(String, String)]
  private let source: ExampleSource
  private let sizes: Sizes

  /// Opens the data.
  ///
  /// - Throws: ``ExperimentError`` where there are fewer examples than asked for; an error from reading.
  init(_ settings: Settings) throws {
    sizes = Sizes(
      base: settings.has("data.base") ? settings.integer("data.base") : 0,
      training: settings.integer("data.training"),
      validation: settings.integer("data.validation"),
      test: settings.has("data.test") ? settings.integer("data.test") : 1,
      flip: settings.number("data.flip"))
    source = try ExampleSource(settings)
    inputs = [(source.name, source.fingerprint)]
    let held = source.held?.count ?? 0
    let fromPool =
      sizes.base + sizes.training + (held == 0 ? sizes.validation + sizes.test : 0)
    guard fromPool <= source.pool.count else {
      throw settings.invalid(
        "data.training",
        "\(source.name) has \(source.pool.count) examples, and \(fromPool) are asked for; ask for fewer"
      )
    }
    guard held == 0 || sizes.validation + sizes.test <= held else {
      throw settings.invalid(
        "data.validation",
        "\(source.name) has \(held) examples beside the training set, and \(sizes.validation + sizes.test) are asked for; ask for fewer"
      )
    }
    if source.noisyLabels != nil, sizes.flip > 0 {
      throw settings.invalid("data.flip", "\(source.name) has wrong labels of its own; give 0")
    }
  }

  /// The number of classes.
  var classCount: Int { source.pool.classCount }
  /// The number of features.
  var width: Int { source.pool.features.columns }
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

  /// The examples of one seed.
  func parts(seed: UInt64) throws -> Parts {
    let trainingCounts = (sizes.base > 0 ? [sizes.base] : []) + [sizes.training]
    let queryCounts = [sizes.validation, sizes.test]
    let fromPool: [TabularDataSet<Double>]
    let queries: [TabularDataSet<Double>]
    if let held = source.held {
      fromPool = try source.pool.split(counts: trainingCounts, seed: seed)
      queries = try held.split(counts: queryCounts, seed: seed)
    } else {
      let all = try source.pool.split(counts: trainingCounts + queryCounts, seed: seed)
      fromPool = Array(all.prefix(trainingCounts.count))
      queries = Array(all.suffix(2))
    }
    let clean = fromPool[trainingCounts.count - 1]
    let training: TabularDataSet<Double>
    let flipped: [Int]
    if let labels = source.noisyLabels {
      training = try clean.relabelled(clean.ids.map { labels[$0] })
      flipped = clean.labels.indices.filter { training.labels[$0] != clean.labels[$0] }
    } else {
      (training, flipped) = try clean.flippingLabels(fraction: sizes.flip, seed: seed)
    }
    return Parts(
      base: sizes.base > 0 ? fromPool[0] : nil, training: training, trueLabels: clean.labels,
      flippedRows: Set(flipped), validation: queries[0], test: queries[1])
  }
}
