import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("Representer points")
struct RepresenterPointsTests {
  private static let penalty = 3e-3

  /// A network that was trained a little, and its representations.
  private struct Setting {
    let model: MultilayerPerceptron<Double>
    let data: TabularDataSet<Double>
    let training: Representations
    let queries: Representations

    init(hidden: [Int] = [7]) throws {
      var generator = SeededGenerator(seed: 8)
      func data(_ count: Int) throws -> TabularDataSet<Double> {
        let features = Matrix<Double>.normal(count, 5, using: &generator)
        let labels = (0..<count).map { row in
          features[row, 0] > 0.3 ? 0 : features[row, 1] > 0 ? 1 : 2
        }
        return try TabularDataSet(features: features, labels: labels, classCount: 3)
      }
      self.data = try data(30)
      let queries = try data(8)
      var model = try MultilayerPerceptron<Double>(sizes: [5] + hidden + [3], seed: 2)
      try model.train(
        on: self.data, settings: TrainingSettings(epochs: 5, learningRate: 1e-2)
      ) { _, _ in }
      self.model = model
      training = try model.representations(
        of: self.data, fittingHeadWith: RepresenterPointsTests.penalty)
      self.queries = try model.representations(of: queries)
    }
  }

  /// x with a last 1.
  private func input(_ examples: Representations, _ row: Int) -> [Double] {
    Array(examples.features[row: row]) + [1]
  }

  private func dot(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
  }

  @Test("The last layer is the sum of its representers, for every output", arguments: [[7], []])
  func identity(hidden: [Int]) throws {
    let setting = try Setting(hidden: hidden)
    let (training, queries) = (setting.training, setting.queries)
    let head = try #require(training.head)
    let alpha = try RepresenterPoints().coefficients(of: training)
    for query in 0..<queries.count {
      let x = input(queries, query)
      for output in 0..<3 {
        let logit = dot(Array(head.weights[row: output]), x)
        let sum = (0..<training.count).reduce(0) {
          $0 + alpha[$1, output] * dot(input(training, $1), x)
        }
        #expect(abs(sum - logit) <= 1e-8 * max(1, abs(logit)))
      }
    }
  }

  @Test("Coefficients are minus the loss's gradient over λn, of the loss of each example")
  func coefficients() throws {
    let setting = try Setting()
    let head = try #require(setting.training.head)
    let alpha = try RepresenterPoints().coefficients(of: setting.training)
    for row in 0..<setting.training.count {
      let x = input(setting.training, row)
      let logits = (0..<3).map { dot(Array(head.weights[row: $0]), x) }
      let total = logits.reduce(0) { $0 + exp($1) }
      for output in 0..<3 {
        let truth = setting.training.labels[row] == output ? 1.0 : 0
        let expected = (truth - exp(logits[output]) / total) / (Self.penalty * 30)
        #expect(abs(alpha[row, output] - expected) <= 1e-12 / (Self.penalty * 30))
      }
    }
  }

  @Test("Scores are of the query's class, and sum to its output")
  func scores() throws {
    let setting = try Setting()
    let (training, queries) = (setting.training, setting.queries)
    let head = try #require(training.head)
    let alpha = try RepresenterPoints().coefficients(of: training)
    let scores = try RepresenterPoints().scores(of: queries, on: training)
    for query in 0..<queries.count {
      let label = queries.labels[query]
      for example in 0..<training.count {
        let expected = alpha[example, label] * dot(input(training, example), input(queries, query))
        #expect(abs(scores.values[query, example] - expected) <= 1e-12 * max(1, abs(expected)))
        // An example of the query's class that is like it helps, one of another class harms.
        #expect(
          training.labels[example] == label ? alpha[example, label] > 0 : alpha[example, label] < 0)
      }
      let logit = dot(Array(head.weights[row: label]), input(queries, query))
      #expect(abs(scores.values[row: query].reduce(0, +) - logit) <= 1e-8 * max(1, abs(logit)))
    }
    let mean = try RepresenterPoints().scores(of: queries, on: training, aggregation: .mean)
    expectClose(mean.values, scores.values.meanRow(), bound: .relative(1e-14))
    // On itself.
    let own = try RepresenterPoints().selfInfluence(on: training)
    let all = try RepresenterPoints().scores(of: training, on: training)
    expectClose(own, all.values.diagonal, bound: .relative(1e-13))
    #expect(own.allSatisfy { $0 > 0 })
  }

  @Test("A layer without a bias")
  func withoutBias() throws {
    // Two classes, one feature ±1: Θ = ±t/2 at the minimum of log(1 + e⁻ᵗ) + λt²/4.
    let penalty = 0.1
    var t = 1.0
    for _ in 0..<100 {
      t -= (penalty * t / 2 - 1 / (1 + exp(t))) / (penalty / 2 + exp(t) / pow(1 + exp(t), 2))
    }
    let miss = 1 / (1 + exp(t))
    let training = try Representations(
      features: Matrix(rows: 2, columns: 1, elements: [1, -1]), labels: [0, 1],
      head: .init(
        weights: Matrix(rows: 2, columns: 1, elements: [t / 2, -t / 2]),
        outputGradients: Matrix(rows: 2, columns: 2, elements: [-miss, miss, miss, -miss]),
        regularization: penalty))
    let query = try Representations(
      features: Matrix(rows: 1, columns: 1, elements: [3]), labels: [0])
    let scores = try RepresenterPoints().scores(of: query, on: training).values
    expectClose(scores[0, 0] + scores[0, 1], 3 * t / 2, bound: .absolute(1e-12))
    #expect(scores[0, 0] == scores[0, 1])
  }

  private func littleEndian(_ bits: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
  }

  @Test("A file holds them, and what is wrong with it is named")
  func file() throws {
    let setting = try Setting()
    let folder = try TemporaryDirectory()
    try setting.training.write(to: folder.url)
    let read = try Representations(opening: folder.url)
    #expect(read.features == setting.training.features && read.labels == setting.training.labels)
    #expect(read.head?.weights == setting.training.head?.weights)
    #expect(read.head?.regularization == Self.penalty)
    let url = folder.file(Representations.fileName)
    #expect(
      try RepresenterPoints().scores(of: setting.queries, on: Representations(opening: url)).values
        == RepresenterPoints().scores(of: setting.queries, on: setting.training).values)
    let empty = try TemporaryDirectory()
    #expect(throws: GradientStoreError.self) { try Representations(opening: empty.url) }
    // By hand: a head without its penalty is nothing that our writer makes.
    func refused(_ tensors: [(String, Matrix<Double>)], penalty: String? = nil) -> String {
      var header = penalty.map { ["\"__metadata__\":{\"regularization\":\"\($0)\"}"] } ?? []
      var bytes: [UInt8] = []
      for (name, matrix) in tensors {
        let start = bytes.count
        for value in matrix.elements {
          bytes += littleEndian(value.bitPattern)
        }
        header.append(
          "\"\(name)\":{\"dtype\":\"F64\",\"shape\":[\(matrix.rows),\(matrix.columns)],\"data_offsets\":[\(start),\(bytes.count)]}"
        )
      }
      let text = Array("{\(header.joined(separator: ","))}".utf8)
      do {
        let file = try empty.write(
          littleEndian(UInt64(text.count)) + text + bytes, to: "bad.safetensors")
        _ = try Representations(opening: file)
        return "nothing"
      } catch { return "\(error)" }
    }
    let ones = Matrix<Double>(repeating: 1, rows: 3, columns: 1)
    let features = ("features", Matrix<Double>(repeating: 1, rows: 3, columns: 2))
    let labels = ("labels", ones)
    #expect(refused([features]).contains("labels"))
    #expect(refused([labels]).contains("features"))
    #expect(refused([features, ("labels", Matrix(ones.view, scaledBy: 0.5))]).contains("no class"))
    #expect(refused([features, ("labels", Matrix(ones.view, scaledBy: -1))]).contains("no class"))
    #expect(refused([features, ("labels", .zeros(2, 1))]).contains("2 for 3 rows"))
    #expect(
      refused([("features", Matrix(ones.view, scaledBy: .infinity)), labels]).contains("row 0"))
    let head = ("head", Matrix<Double>.zeros(2, 2))
    let gradients = ("output_gradients", Matrix<Double>.zeros(3, 2))
    #expect(refused([features, labels, head]).contains("missing"))
    #expect(refused([features, labels, head, gradients]).contains("missing"))
    let penalty = "0.1"
    #expect(refused([features, labels, head, gradients], penalty: penalty) == "nothing")
    #expect(
      refused([features, labels, head, gradients], penalty: "0").contains("positive"))
    #expect(
      refused([features, labels, ("head", .zeros(2, 4)), gradients], penalty: penalty)
        .contains("4 columns for 2 features"))
    #expect(
      refused([features, labels, head, ("output_gradients", .zeros(2, 2))], penalty: penalty)
        .contains("3 × 2"))
  }

  @Test("A layer that is not at its minimum, and labels without an output, are refused")
  func refusals() throws {
    let setting = try Setting()
    var head = try #require(setting.training.head)
    func failure(_ training: Representations, _ queries: Representations) -> String {
      do {
        _ = try RepresenterPoints().scores(of: queries, on: training)
        return ""
      } catch { return "\(error)" }
    }
    #expect(failure(setting.queries, setting.queries).contains("no last layer"))
    head.weights[0, 0] += 1e-3
    let moved = try Representations(
      features: setting.training.features, labels: setting.training.labels, head: head)
    #expect(failure(moved, setting.queries).contains("not at the minimum"))
    let other = try Representations(
      features: setting.queries.features, labels: [3] + Array(repeating: 0, count: 7))
    #expect(failure(setting.training, other).contains("label 3 of row 0"))
    let narrow = try Representations(features: .zeros(2, 3), labels: [0, 0])
    #expect(failure(setting.training, narrow).contains("3 features"))
    let none = try Representations(features: .zeros(0, 7), labels: [])
    #expect(failure(setting.training, none).contains("no rows"))
    #expect(throws: InfluenceError.self) { try EstimatorCatalog.estimator("rps") }
    #expect(throws: InfluenceError.self) { try RepresentationCatalog.method("rps:k=3") }
    #expect(try RepresentationCatalog.method("exact") == nil)
  }
}
