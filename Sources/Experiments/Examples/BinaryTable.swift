internal import Foundation
internal import InfluenceKit
internal import OrderedCollections

/// Two classes of examples for regressions on tables: two digits, or the breast cancers of Wisconsin.
struct BinaryTable: ConfiguredSource {
  static let settings = [
    Setting(
      "data.set", .choice(["digits", "breast-cancer"]), standard: "digits",
      help: "the data set; breast-cancer needs data.folder"),
    .dataFolder,
    Setting(
      "data.digits", .integers(0...9), standard: [3, 8],
      help: "digits: the two that are told apart; the second is class 1"),
    Setting.count("data.training", 200, help: "training examples"),
    Setting.count(
      "data.points", 10, help: "examples beside the training set at which the answer is watched"),
  ]

  let name: String
  /// What the data are, in a few characters.
  let fingerprint: String
  private let all: TabularDataSet<Double>
  private let trainingCount: Int
  private let pointCount: Int

  init(_ settings: Settings) throws {
    name = settings.text("data.set")
    trainingCount = settings.integer("data.training")
    pointCount = settings.integer("data.points")
    if name == "digits" {
      let digits = settings.integers("data.digits")
      guard digits.count == 2, digits[0] != digits[1] else {
        throw settings.invalid("data.digits", "\(digits) are not two different digits")
      }
      let whole = Digits.dataSet(of: Double.self)
      let rows = whole.labels.indices.filter { digits.contains(whole.labels[$0]) }
      all = try TabularDataSet(
        features: whole.features.selecting(rows: rows),
        labels: rows.map { whole.labels[$0] == digits[1] ? 1 : 0 }, classCount: 2)
      fingerprint = "embedded"
    } else {
      let file = try settings.dataFolder().appending(path: "tabular/breast_cancer.csv")
      guard FileManager.default.fileExists(atPath: file.path) else {
        throw ExperimentError.missingPath(
          settings.place(of: "data.folder"), key: "data.folder", path: file.path)
      }
      let text = try String(contentsOf: file, encoding: .utf8)
      all = try TabularDataSet(
        csv: text, labelColumn: Self.labelColumn(of: text))
      guard all.classCount == 2 else {
        throw ModelError.dataDoNotFit(
          features: all.features.columns, classes: all.classCount, inputs: all.features.columns,
          outputs: 2)
      }
      fingerprint = all.fingerprint
    }
    try settings.require(trainingCount + pointCount, of: name, with: all.count)
  }

  /// The last column of the header.
  private static func labelColumn(of text: String) -> String {
    let header = text.prefix { !$0.isNewline }
    return header.split(separator: ",").last.map(String.init) ?? ""
  }

  var inputs: OrderedDictionary<String, String> { [name: fingerprint] }

  /// The examples of one seed, as many as the file says, with all features.
  func parts(seed: UInt64) throws -> ExampleParts<TabularDataSet<Double>> {
    try parts(seed: seed, training: trainingCount)
  }

  /// The examples of one seed, features at mean 0 and deviation 1 over the training examples.
  ///
  /// - Parameters:
  ///   - seed: Draws the examples and the directions.
  ///   - count: How many training examples.
  ///   - columns: To how many numbers standardised features are projected at random; nil leaves them as they are.
  /// - Returns: Training examples, and the points as validation examples.
  func parts(
    seed: UInt64, training count: Int, columns: Int? = nil
  ) throws -> ExampleParts<TabularDataSet<Double>> {
    let parts = try all.split(counts: [count, pointCount], seed: seed)
    var training = parts[0].standardized()
    var points = parts[1].standardized(by: parts[0])
    if let columns {
      var generator = SeededGenerator(seed: seed, stream: 0x7072_6F6A)
      let directions = Matrix<Double>.normal(
        columns, all.features.columns, deviation: 1 / Double(all.features.columns).squareRoot(),
        using: &generator)
      func projected(_ data: TabularDataSet<Double>) throws -> TabularDataSet<Double> {
        try TabularDataSet(
          features: Matrix(product: data.features.view, directions.transposed),
          labels: data.labels, classCount: 2)
      }
      (training, points) = (try projected(training), try projected(points))
    }
    return ExampleParts(training: training, validation: points)
  }
}
