import Data
import Experiments
import Foundation
import LinearAlgebra
import Models
import Reporting
import TensorFiles
import TestSupport
import Testing

@Suite("Influential subsets")
struct InfluentialSubsetsTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  static let small = """
    experiment: most-influential-subset
    seeds: 2
    sizes: [8, 1, 3]
    steps: [3, 1]
    random-draws: 2
    keep-rows: true
    data: {training: 60, points: 2}
    """

  private func run(_ name: String, overrides: [String] = []) throws -> TinyRun {
    try TinyRun(
      Self.small, in: directory.url.appending(path: name), overrides: overrides, isQuick: true)
  }

  /// Training examples and points of a seed, drawn and standardised as the experiment says.
  private func parts(seed: UInt64) throws -> (
    training: TabularDataSet<Double>, points: TabularDataSet<Double>
  ) {
    let digits = Digits.dataSet(of: Double.self)
    let rows = digits.labels.indices.filter { [3, 8].contains(digits.labels[$0]) }
    let two = try TabularDataSet(
      features: digits.features.selecting(rows: rows),
      labels: rows.map { digits.labels[$0] == 8 ? 1 : 0 }, classCount: 2)
    let parts = try two.split(counts: [60, 2], seed: seed)
    return (parts[0].standardized(), parts[1].standardized(by: parts[0]))
  }

  @Test("An effect is what training on the rest alone gives")
  func effects() throws {
    let run = try run("run")
    let (outcome, results) = (run.outcome, run.results)
    #expect(outcome.failures.isEmpty, "\(outcome.failures)")
    let parts = try parts(seed: 1)
    func withOne(_ row: ArraySlice<Double>) -> [Double] { Array(row) + [1] }
    func answer(_ model: String, _ kept: [Int], _ point: Int) throws -> Double {
      let data = parts.training.selecting(kept)
      let parameters: [Double]
      var sign = 1.0
      if model == "logistic" {
        // Terms are taken away from the sum, so that the penalty weighs more for the mean of fewer.
        parameters = try LogisticRegression(
          trainedOn: data,
          settings: NewtonSettings(regularization: 0.01 * 60 / Double(kept.count))
        ).parameters
        sign = parts.points.labels[point] == 1 ? 1 : -1
      } else {
        let rows = (0..<data.count).flatMap { withOne(data.features[row: $0]) }
        parameters = try RidgeRegression(
          features: Matrix(rows: data.count, columns: 65, elements: rows),
          targets: data.labels.map { Double(2 * $0 - 1) }, penalty: 1
        ).parameters
      }
      return sign
        * zip(withOne(parts.points.features[row: point]), parameters).reduce(0) {
          $0 + $1.0 * $1.1
        }
    }
    for model in ["least-squares", "logistic"] {
      let points = try #require(results["cells"]?["seed-1/\(model)"]?["points"]?.array)
      try #require(points.count == 2)
      for (place, point) in points.enumerated() {
        let all = try answer(model, Array(0..<60), place)
        for name in ["greedy", "leverage-adjusted", "adaptive, step 1", "adaptive, step 3"] {
          let search = try #require(point["searches"]?[name])
          let rows = search.numbers(at: "rows").map { Int($0) }
          #expect(Set(rows).count == 8)
          for (index, size) in [1, 3, 8].enumerated() {
            let removed = Set(rows.prefix(size))
            let rest = (0..<60).filter { !removed.contains($0) }
            let expected = try answer(model, rest, place) - all
            let found = search.numbers(at: "actual")[index]
            // Newton's method ends at a gradient of 1e-10, and the smallest curvature is 0.01.
            #expect(abs(found - expected) < 1e-6 * max(1, abs(all)), "\(model) \(name) \(size)")
          }
        }
        let predicted = point["searches"]?["adaptive, step 1"]?.numbers(at: "predicted") ?? []
        let actual = point["searches"]?["adaptive, step 1"]?.numbers(at: "actual") ?? []
        if model == "least-squares" {
          for (one, other) in zip(predicted, actual) { #expect(abs(one - other) < 1e-10) }
        }
      }
    }
  }

  @Test("Tables have a row for each search and size; winning rates sum to 1")
  func tables() throws {
    let run = try run("run")
    let (outcome, results) = (run.outcome, run.results)
    #expect(outcome.report.tables.map(\.name) == ["effects", "small"])
    #expect(outcome.report.pictures.map(\.name) == ["effects", "winning-rate", "predicted"])
    let rows = outcome.report.tables[0].content.rows
    // Two regressions, three sizes, four searches and chance.
    try #require(rows.count == 2 * 3 * 5)
    for group in 0..<6 {
      let rates = rows[group * 5..<group * 5 + 5].map { row -> Double in
        if case .number(let rate) = row[7] { rate } else { .nan }
      }
      #expect(abs(rates.reduce(0, +) - 1) < 1e-12)
    }
    #expect(rows[0][1] == .integer(1) && rows[29][1] == .integer(8))
    #expect(rows[4][5] == .missing)
    #expect(outcome.report.tables[1].content.rows.count == 2 * 3 * 3)
    for seed in [0, 1] {
      for model in ["least-squares", "logistic"] {
        let cases = try #require(results["cells"]?["seed-\(seed)/\(model)"]?["small"]?.array)
        for one in cases {
          let best = one.numbers(at: "best")
          for name in ["greedy", "leverage-adjusted", "adaptive, step 1"] {
            let found = one.numbers(at: name)
            #expect(found.count == 3)
            #expect(zip(found, best).allSatisfy { $0 <= $1 + 1e-9 * max(1, abs($1)) })
          }
        }
      }
    }
  }

  @Test("Answers can be lowered instead")
  func lowering() throws {
    let first = try run("first").folder
    let lowered = try run("lowered", overrides: ["direction=lower", "models=[least-squares]"])
    #expect(lowered.outcome.failures.isEmpty, "\(lowered.outcome.failures)")
    let searches = lowered.results["cells"]?["seed-0/least-squares"]?["points"]?.array?.first
    let raised = try OrderedJSON(contentsOf: first.appending(path: "results.json"))
    let others = raised["cells"]?["seed-0/least-squares"]?["points"]?.array?.first
    #expect(
      searches?["searches"]?["greedy"]?["rows"] != others?["searches"]?["greedy"]?["rows"])
    #expect((searches?.numbers(at: "searches", "greedy", "actual").first ?? -1) > 0)
  }

  @Test(
    "Settings that do not go together are refused by place",
    arguments: [
      ("sizes=[60]", "sizes", "cannot be removed"), ("sizes=[1, 1]", "sizes", "given twice"),
      ("steps=[2, 2]", "steps", "given twice"),
      ("data.digits=[3]", "data.digits", "two different"),
      ("data.training=500", "data.training", "ask for fewer"),
      ("small.examples=4", "small.largest", "not less than"),
      ("data.set=breast-cancer", "data.folder", "is missing"),
    ])
  func wrongSettings(override: String, key: String, part: String) throws {
    let more = part == "not less than" ? ["small.largest=4"] : []
    try expectRefusal(Self.small, overrides: [override] + more, saying: key, part)
  }

  @Test("A folder without the table is refused")
  func missingTable() throws {
    try expectRefusal(
      Self.small, overrides: ["data.set=breast-cancer", "data.folder=\(directory.url.path)"],
      saying: "breast_cancer.csv does not exist")
  }

  @Test(
    "Breast cancers are read",
    .enabled(if: SharedData.has("data/tabular/breast_cancer.csv"), SharedData.absent))
  func breastCancer() throws {
    let folder = try #require(SharedData.url("data")).path
    let run = try run(
      "cancer", overrides: ["data.set=breast-cancer", "data.folder=\(folder)", "seeds=1"])
    #expect(run.outcome.failures.isEmpty, "\(run.outcome.failures)")
    #expect(run.results["inputs"]?["breast-cancer"]?.string?.count == 32)
  }
}
