internal import Data
internal import Foundation
internal import LinearAlgebra
internal import Models
internal import TensorFiles

/// Two classes of examples for regressions on tables: two digits, or the breast cancers of Wisconsin.
struct BinaryTable: Sendable {
  /// The settings under `data`.
  static let settings = [
    Setting(
      "data.set", .choice(["digits", "breast-cancer"]), standard: "digits",
      help: "the data set; breast-cancer needs data.folder"),
    Setting("data.folder", .path, help: "the folder of data sets that docs/data.md describes"),
    Setting(
      "data.digits", .integers(0...9), standard: [3, 8],
      help: "digits: the two that are told apart; the second is class 1"),
    Setting("data.training", .integer(.counting), standard: 200, help: "training examples"),
    Setting(
      "data.points", .integer(.counting), standard: 10,
      help: "examples beside the training set at which the answer is watched"),
  ]

  /// Training examples and points of one seed, features at mean 0 and deviation 1 over the training examples.
  struct Parts: Sendable {
    let training: TabularDataSet<Double>
    let points: TabularDataSet<Double>
  }

  /// The name.
  let name: String
  /// What the data are, in a few characters.
  let fingerprint: String
  private let all: TabularDataSet<Double>
  private let trainingCount: Int
  private let pointCount: Int

  /// Reads the table.
  ///
  /// - Throws: ``ExperimentError`` where there are fewer examples than asked for; an error from reading.
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
      guard let folder = settings.optionalText("data.folder") else {
        throw settings.missing(
          "data.folder", neededBy: "data.set", allowed: "the path of a folder",
          help: "the folder of data sets that docs/data.md describes")
      }
      let file = URL(filePath: folder, directoryHint: .isDirectory)
        .appending(path: "tabular/breast_cancer.csv")
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
    guard trainingCount + pointCount <= all.count else {
      throw settings.invalid(
        "data.training",
        "\(name) has \(all.count) examples, and \(trainingCount + pointCount) are asked for; ask for fewer"
      )
    }
  }

  /// The last column of the header.
  private static func labelColumn(of text: String) -> String {
    let header = text.prefix { !$0.isNewline }
    return header.split(separator: ",").last.map(String.init) ?? ""
  }

  /// The number of features.
  var width: Int { all.features.columns }

  /// The examples of one seed.
  ///
  /// - Parameters:
  ///   - count: How many training examples; as the file says unless given.
  ///   - columns: To how many numbers features are projected at random, after they were standardised; all of them
  ///     as they are unless given.
  func parts(seed: UInt64, count: Int? = nil, columns: Int? = nil) throws -> Parts {
    let parts = try all.split(counts: [count ?? trainingCount, pointCount], seed: seed)
    let training = parts[0].standardized()
    let points = parts[1].standardized(by: parts[0])
    guard let columns else { return Parts(training: training, points: points) }
    var generator = SeededGenerator(seed: seed, stream: 0x7072_6F6A)
    let directions = Matrix<Double>.normal(
      columns, width, deviation: 1 / Double(width).squareRoot(), using: &generator)
    func projected(_ data: TabularDataSet<Double>) throws -> TabularDataSet<Double> {
      try TabularDataSet(
        features: Matrix(product: data.features.view, directions.transposed),
        labels: data.labels, classCount: 2)
    }
    return Parts(training: try projected(training), points: try projected(points))
  }
}
