import Data
import Experiments
import Foundation
import LinearAlgebra
import Models
import Reporting
import TensorFiles
import TestSupport
import Testing

@Suite("The least disagree metric in experiments")
struct LeastDisagreementTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  static let small = """
    experiment: least-disagree
    seeds: 2
    start: 10
    batch: 6
    rounds: 3
    closed-form: {dimensions: [6, 2], patience: [10, 2], pool: 40, reference: 400}
    data: {training: 150, test: 100}
    model: {hidden: [8], epochs: 30, batch: 8, learning-rate: 1e-2}
    """

  private func run(_ name: String, overrides: [String] = []) throws -> TinyRun {
    try TinyRun(
      Self.small, in: directory.url.appending(path: name), overrides: overrides, isQuick: true)
  }

  private func model(on data: TabularDataSet<Double>) throws -> MultilayerPerceptron<Double> {
    var model = try MultilayerPerceptron<Double>(sizes: [64, 8, 10], seed: 1)
    try model.train(
      on: data,
      settings: TrainingSettings(
        epochs: 30, batchSize: 8, learningRate: 1e-2, weightDecay: 0.01, seed: 3))
    return model
  }

  @Test("Each rule labels what it says it labels")
  func rules() throws {
    let results = try run("run").results
    let parts = try Digits.dataSet(of: Double.self).split(counts: [150, 100], seed: 1)
    let start = parts[0].selecting(Array(0..<10))
    let others = Array(10..<150)
    let model = try model(on: start)
    func probabilities(_ row: Int) -> [Double] {
      let logits = model.logits(of: parts[0].features.view[rows: row..<row + 1])
      let powers = logits.elements.map { exp($0) }
      let sum = powers.reduce(0, +)
      return powers.map { $0 / sum }
    }
    func first(_ values: [Double]) -> [Int] {
      others.indices.sorted { values[$0] < values[$1] }.prefix(6).map { others[$0] }
    }
    let entropy = others.map { row in
      probabilities(row).reduce(0) { $0 + ($1 > 0 ? $1 * log($1) : 0) }
    }
    let margin = others.map { row -> Double in
      let sorted = probabilities(row).sorted()
      return sorted[9] - sorted[8]
    }
    let features = model.penultimateFeatures(of: parts[0].features.view)
    func distance(_ a: Int, _ b: Int) -> Double {
      zip(features[row: a], features[row: b]).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    var covered = Array(0..<10)
    while covered.count < 16 {
      let far = others.filter { !covered.contains($0) }.max { one, other in
        (covered.map { distance(one, $0) }.min() ?? 0)
          < (covered.map { distance(other, $0) }.min() ?? 0)
      }
      covered.append(try #require(far))
    }
    let expected: [String: [Int]] = [
      "entropy": first(entropy), "margin": first(margin),
      "k-center": Array(covered.dropFirst(10)),
    ]
    for rule in ["ldm-s", "entropy", "margin", "k-center", "random"] {
      let cell = try #require(results["cells"]?["seed-1/\(rule)"])
      let labelled = cell.numbers(at: "labelled").map { Int($0) }
      // No example is labelled twice, and all rules begin with the same.
      #expect(labelled.count == 28 && Set(labelled).count == 28)
      #expect(labelled.allSatisfy { (0..<150).contains($0) })
      #expect(Array(labelled.prefix(10)) == Array(0..<10))
      let accuracies = cell.numbers(at: "accuracies")
      #expect(accuracies.count == 4)
      #expect(accuracies[0] == (try model.accuracy(on: parts[1])))
      let last = try self.model(on: parts[0].selecting(labelled))
      #expect(accuracies[3] == (try last.accuracy(on: parts[1])), "\(rule)")
      if let rows = expected[rule] {
        #expect(Array(labelled[10..<16]) == rows, "\(rule)")
      }
    }
  }

  @Test("The closed form is the angle over π")
  func closedForm() throws {
    let run = try run("run")
    let (outcome, results) = (run.outcome, run.results)
    #expect(outcome.failures.isEmpty, "\(outcome.failures)")
    for dimension in [2, 6] {
      let cell = try #require(results["cells"]?["seed-0/closed-form-\(dimension)"])
      let exact = cell.numbers(at: "exact")
      let estimate = cell.numbers(at: "estimate")
      try #require(exact.count == 40 && estimate.count == 40)
      #expect(exact.allSatisfy { $0 >= 0 && $0 <= 0.5 })
      let error = zip(exact, estimate).map { abs($0 - $1) }.reduce(0, +) / 40
      let found = try #require(cell.number(at: "patiences", "10", "mean_error"))
      #expect(abs(error - found) < 1e-12)
      // The angle to the boundary of a random direction is uniform in a plane: L has mean ¼, deviation
      // 0.144/√40 = 0.0228 over 40; more dimensions bring directions nearer to the boundary.
      if dimension == 2 {
        let mean = exact.reduce(0, +) / 40
        #expect(abs(mean - 0.25) < 4 * 0.0228)
      }
    }
  }

  @Test("Tables and pictures")
  func tables() throws {
    let outcome = try run("first").outcome
    #expect(
      outcome.report.tables.map(\.name) == ["summary", "closed-form", "rounds", "seconds"])
    #expect(outcome.report.tables.map(\.content.rows.count) == [5, 4, 20, 5])
    #expect(outcome.report.pictures.map(\.name) == ["accuracy", "closed-form", "estimate"])
  }

  @Test(
    "Settings that do not go together are refused by place",
    arguments: [
      ("rounds=30", "rounds", "ask for fewer"), ("start=140", "rounds", "ask for fewer"),
      ("data.training=1750", "data.training", "ask for fewer"),
      ("closed-form.dimensions=[2, 2]", "closed-form.dimensions", "given twice"),
      ("rules=[best]", "rules", "ldm-s"), ("data.set=mnist", "data.folder", "is missing"),
    ])
  func wrongSettings(override: String, key: String, part: String) throws {
    try expectRefusal(Self.small, overrides: [override], saying: key, part)
  }
}
