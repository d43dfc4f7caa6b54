internal import Foundation
internal import InfluenceKit
internal import OrderedCollections

/// A data set with classes, by the name that files of experiments use.
struct LabelledPool: Sendable {
  static let names = ["digits", "mnist", "cifar10n", "moons"]

  /// What only some of the data sets ask for.
  static let settings = [
    Setting.count(
      "data.pool", 10_000,
      help:
        "mnist, cifar10n, moons: how many examples, from the first of the files, are drawn from"),
    Setting(
      "data.noise", .number(0...100), standard: 0.3,
      help: "moons: the deviation of points in each direction"),
    Setting(
      "data.pooling", .integer(1...16), standard: 2,
      help: "mnist, cifar10n by pixels: the side of the squares of pixels that are averaged"),
    Setting(
      "data.annotation", .choice(["worse", "aggre", "random1", "random2", "random3"]),
      standard: "worse", help: "cifar10n: whose labels"),
    Setting(
      "data.features", .choice(["patches", "raw-pooled"]), standard: "patches",
      help: "cifar10n: answers of whitened random patches, or averages of pixels"),
    Setting(
      "data.filters", .integer(1...4096), standard: 128,
      help: "cifar10n by patches: the number of filters; 8 features each"),
  ]

  let name: String
  /// The examples to draw from, with right labels.
  let pool: TabularDataSet<Double>
  /// Examples that the data set keeps apart for validation and test; nil where it does not.
  let held: TabularDataSet<Double>?
  /// Labels of people who were sometimes wrong, for all examples of the pool; nil where there are none.
  let noisyLabels: [Int]?
  /// How features are pixels; nil where they are not.
  let image: ImageShape?
  /// What the data are, in a few characters.
  let fingerprint: String

  /// Reads the data set that settings name.
  ///
  /// - Throws: ``ExperimentError/missingKey(_:key:allowed:help:)`` where it needs a folder; an error from reading.
  init(_ settings: Settings) throws {
    name = settings.text("data.set")
    switch name {
    case "digits":
      pool = Digits.dataSet()
      held = nil
      noisyLabels = nil
      image = ImageShape(channels: 1, height: 8, width: 8)
      fingerprint = "embedded"
    case "moons":
      pool = try SyntheticGroups(.moons, noise: settings.number("data.noise"), seed: 0)
        .parts([settings.integer("data.pool")])[0].data
      held = nil
      noisyLabels = nil
      image = nil
      fingerprint = pool.fingerprint
    case "mnist":
      let folder = try settings.dataFolder().appending(path: "mnist")
      let pooling = settings.integer("data.pooling")
      let images = try LabelledImages(
        idxImages: Self.file("train-images-idx3-ubyte", in: folder),
        labels: Self.file("train-labels-idx1-ubyte", in: folder)
      ).prefix(settings.integer("data.pool"))
      pool = try images.dataSet(pooling: pooling)
      image = Self.shape(images, pooling)
      let held: TabularDataSet<Double> = try LabelledImages(
        idxImages: Self.file("t3k-images-idx3-ubyte", "t10k-images-idx3-ubyte", in: folder),
        labels: Self.file("t3k-labels-idx1-ubyte", "t10k-labels-idx1-ubyte", in: folder)
      ).dataSet(pooling: pooling)
      self.held = held
      noisyLabels = nil
      fingerprint = "\(pool.fingerprint) \(held.fingerprint)"
    case "cifar10n":
      let folder = try settings.dataFolder().appending(path: "cifar10")
      let images = try LabelledImages(cifar10: [Self.file("train_first4000.bin", in: folder)])
        .prefix(settings.integer("data.pool"))
      let others = try LabelledImages(cifar10: [Self.file("test_first1000.bin", in: folder)])
      let table = try CIFAR10NLabels(reading: Self.file("cifar10n_labels.csv", in: folder))
      guard table.count >= images.count else {
        throw DataFileError.differentCounts(
          path: folder.appending(path: "cifar10n_labels.csv").path, count: table.count,
          otherPath: images.path, otherCount: images.count)
      }
      let (pool, held) = try Self.features(of: images, others, settings)
      let labels = table.labels(Self.annotation(settings), of: pool.ids)
      (self.pool, self.held, noisyLabels) = (pool, held, labels)
      image =
        settings.text("data.features") == "patches"
        ? nil : Self.shape(images, settings.integer("data.pooling"))
      fingerprint =
        "\(pool.fingerprint) \(held.fingerprint) \(try pool.relabelled(labels).fingerprint)"
    default: preconditionFailure("data set \(name) has a name and no reader")
    }
  }

  var inputs: OrderedDictionary<String, String> { [name: fingerprint] }

  /// Draws examples that share none: parts of these sizes from the pool, and further ones from the examples that are
  /// kept apart, or from the pool where there are none.
  func split(
    training: [Int], others: [Int], seed: UInt64
  ) throws -> [TabularDataSet<Double>] {
    guard let held else { return try pool.split(counts: training + others, seed: seed) }
    return try pool.split(counts: training, seed: seed) + held.split(counts: others, seed: seed)
  }

  /// The first of several files that is there, with or without `.gz`; the first of all where none is, for
  /// the error.
  private static func file(_ names: String..., in folder: URL) -> URL {
    let found = names.first { name in
      ["", ".gz"].contains {
        FileManager.default.fileExists(atPath: folder.appending(path: name + $0).path)
      }
    }
    return folder.appending(path: found ?? names[0])
  }

  private static func shape(_ images: LabelledImages, _ pooling: Int) -> ImageShape {
    ImageShape(
      channels: images.channels, height: images.height / pooling, width: images.width / pooling)
  }

  private static func annotation(_ settings: Settings) -> CIFAR10NLabels.Annotation {
    switch settings.text("data.annotation") {
    case "aggre": .aggregate
    case "random1": .random1
    case "random2": .random2
    case "random3": .random3
    default: .worse
    }
  }

  /// Features at mean 0 and deviation 1 over the pool; labels play no part in them.
  private static func features(
    of images: LabelledImages, _ others: LabelledImages, _ settings: Settings
  ) throws -> (pool: TabularDataSet<Double>, held: TabularDataSet<Double>) {
    let pool: TabularDataSet<Double>
    let held: TabularDataSet<Double>
    if settings.text("data.features") == "patches" {
      let patches = try PatchFeatures(
        fitting: images,
        settings: PatchFeatures.Settings(filters: settings.integer("data.filters")))
      (pool, held) = (try patches.dataSet(of: images), try patches.dataSet(of: others))
    } else {
      let pooling = settings.integer("data.pooling")
      (pool, held) = (try images.dataSet(pooling: pooling), try others.dataSet(pooling: pooling))
    }
    return (pool.standardized(), held.standardized(by: pool))
  }
}
