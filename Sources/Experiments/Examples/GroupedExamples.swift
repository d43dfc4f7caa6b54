internal import Foundation
internal import InfluenceKit
internal import OrderedCollections

/// Examples of two classes and two groups, as an experiment's file describes them: points in the plane, UCI
/// Adult or Bank Marketing.
///
/// Training, validation and test examples are drawn anew for every seed, and share none. Adult's test
/// examples come from its own test file. Tables are encoded once: means and deviations of the numeric columns
/// are those of the whole (training) file, without its labels.
struct GroupedExamples: ConfiguredSource {
  /// How many of each an experiment takes unless its file says otherwise.
  struct Sizes {
    var training: Int
    var validation: Int
    var test: Int
  }

  static func settings(_ sizes: Sizes) -> [Setting] {
    [
      Setting(
        "data.set", .choice(["synthetic", "adult", "bank"]), standard: "synthetic",
        help: "the data set; all but synthetic need data.folder"),
      .dataFolder,
      Setting(
        "data.bank-group", .choice(of: TableRoles.BankGroup.self),
        standard: "marital", help: "what decides the group in bank"),
      Setting(
        "data.shape", .choice(of: SyntheticGroups.Shape.self),
        standard: "gaussians", help: "where the classes of synthetic points lie"),
      Setting(
        "data.noise", .number(0...100), standard: 0.8, help: "the deviation of synthetic points"),
      Setting(
        "data.group-correlation", .number(-1...1), standard: 0.5,
        help: "the correlation of group and label of synthetic points"),
      Setting.flag(
        "data.group-feature", true,
        help: "whether the group of synthetic points is a feature beside their place"),
      Setting.count("data.training", sizes.training, help: "training examples"),
      Setting.count(
        "data.validation", sizes.validation, help: "examples that influence is asked of"),
      Setting.count("data.test", sizes.test, help: "examples for the final numbers"),
    ]
  }

  let inputs: OrderedDictionary<String, String>
  private let source: Source
  private let sizes: Sizes

  private enum Source: Sendable {
    case points(SyntheticGroups, withGroup: Bool)
    /// Examples to draw from, and those for tests where they lie apart.
    case table(pool: GroupedDataSet<Double>, held: GroupedDataSet<Double>?)
  }

  private struct Options: Decodable {
    let set: String
    let bankGroup: TableRoles.BankGroup
    let shape: SyntheticGroups.Shape
    let noise: Double
    let groupCorrelation: Double
    let groupFeature: Bool
    let training: Int
    let validation: Int
    let test: Int
  }

  /// Opens the data.
  ///
  /// - Throws: ``ExperimentError`` where the folder is not named or holds fewer examples; `DataFileError`.
  init(_ settings: Settings) throws {
    let options: Options = settings.values(below: "data")
    sizes = Sizes(
      training: options.training, validation: options.validation, test: options.test)
    let name = options.set
    guard name != "synthetic" else {
      source = .points(
        SyntheticGroups(
          options.shape, noise: options.noise, groupCorrelation: options.groupCorrelation, seed: 0),
        withGroup: options.groupFeature)
      inputs = ["synthetic": "generated"]
      return
    }
    let folder = try settings.dataFolder(help: "\(name) is read from the folder of data sets")
      .appending(path: "tabular")
    let pool: GroupedDataSet<Double>
    var held: GroupedDataSet<Double>?
    if name == "adult" {
      let table = try TableFile(reading: folder.appending(path: "adult_train.csv"))
      let encoding = try TableEncoding(fitting: table, roles: .adult)
      pool = try encoding.encode(table).examples
      let test = try TableFile(reading: folder.appending(path: "adult_test.csv"))
      held = try encoding.encode(test).examples
    } else {
      let table = try TableFile(reading: folder.appending(path: "bank.csv"))
      pool = try TableEncoding(fitting: table, roles: .bank(sensitive: options.bankGroup)).encode(
        table
      )
      .examples
    }
    var inputs: OrderedDictionary = [name: pool.fingerprint]
    if let held { inputs["\(name) test"] = held.fingerprint }
    self.inputs = inputs
    let asked = sizes.training + sizes.validation + (held == nil ? sizes.test : 0)
    try settings.require(asked, of: name, with: pool.count)
    if let held, sizes.test > held.count {
      throw settings.invalid(
        "data.test", "\(name) has \(held.count) test examples, and \(sizes.test) are asked for")
    }
    source = .table(pool: pool, held: held)
  }

  func parts(seed: UInt64) throws -> ExampleParts<GroupedDataSet<Double>> {
    let counts = [sizes.training, sizes.validation, sizes.test]
    let parts: [GroupedDataSet<Double>]
    switch source {
    case .points(var points, let withGroup):
      points.seed = seed
      let plain = try points.parts(counts)
      parts = withGroup ? try plain.map(Self.withGroupAsFeature) : plain
    case .table(let pool, nil): parts = try pool.split(counts: counts, seed: seed)
    case .table(let pool, let held?):
      parts =
        try pool.split(counts: [sizes.training, sizes.validation], seed: seed)
        + held.split(counts: [sizes.test], seed: seed)
    }
    return ExampleParts(training: parts[0], validation: parts[1], test: parts[2])
  }

  /// One more feature: 1 for group 1, −1 for group 0.
  private static func withGroupAsFeature(
    _ examples: GroupedDataSet<Double>
  ) throws -> GroupedDataSet<Double> {
    let data = examples.data
    let width = data.features.columns
    var features = Matrix<Double>.zeros(data.count, width + 1)
    features.place(data.features, firstColumn: 0)
    for (row, group) in examples.groups.enumerated() {
      features[row, width] = group == 1 ? 1 : -1
    }
    return try GroupedDataSet(
      TabularDataSet(features: features, labels: data.labels, classCount: data.classCount),
      groups: examples.groups)
  }
}

extension TableRoles.BankGroup: Decodable {}
extension SyntheticGroups.Shape: Decodable {}
