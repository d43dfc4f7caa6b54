import Experiments
import Foundation
import InfluenceKit
import OrderedCollections
import Reporting
import TensorFiles
import TestSupport
import Testing

@Suite("Influence against training networks anew")
struct NetworkTruthTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func file(_ more: String = "", seeds: Int = 2) throws -> ExperimentFile {
    try ExperimentFile(
      text: """
        experiment: truth
        seeds: \(seeds)
        depths: [0, 1]
        weight-decays: [0.01]
        methods: [hessian-free, exact-ggn]
        lds: {subsets: 12, seeds: 2}
        data: {training: 60, validation: 20}
        model: {units: 6, epochs: 15}
        \(more.isEmpty ? "leave-one-out: {rows: 8}" : more)
        """, path: "e.yaml")
  }

  @Test("Both truths are measured at every point of the grid, and random scores foretell neither")
  func run() throws {
    let run = try TinyRun(file(), in: directory.url.appending(path: "run"))
    let (outcome, json) = (run.outcome, run.results)
    #expect(outcome.failures.isEmpty, "\(outcome.failures)")
    #expect(outcome.computed == 4)
    // Two methods, random scores, another training.
    #expect(outcome.report.tables[0].content.rows.count == 2 * 4)
    #expect(
      outcome.report.pictures.map(\.name) == ["lds", "leave-one-out", "lds-depth"])
    for depth in 0...1 {
      let methods = try #require(json["cells"]?["seed-1/depth-\(depth)/decay-0.01"]?["methods"])
      for method in ["hessian-free", "exact-ggn", "random", "another training"] {
        let scores = methods.numbers(at: method, "lds")
        #expect(scores.count == 20 && scores.allSatisfy { abs($0) <= 1 })
        for key in ["pearson", "spearman", "shuffled_spearman"] {
          #expect(abs(try #require(methods.number(at: method, key))) <= 1)
        }
      }
    }
    // Each query's correlation follows from the files that are kept.
    let files = directory.url.appending(path: "run/scores/seed-1/depth-1/decay-0.01")
    func numbers(_ name: String) throws -> Matrix<Double> {
      try NumpyFile(opening: files.appending(path: "\(name).npy")).matrix(as: Double.self)
    }
    let (scores, subsets, outcomes) = (
      try numbers("scores"), try numbers("subsets"), try numbers("outcomes")
    )
    #expect((scores.rows, subsets.rows, outcomes.rows) == (3 * 20, 12, 2 * 20))
    for query in 0..<20 {
      // exact-ggn is the second of the methods.
      let sums = (0..<12).map { subset in
        zip(subsets[row: subset], scores[row: 20 + query]).reduce(0) { $0 + $1.0 * $1.1 }
      }
      let truth = (0..<12).map { (outcomes[query, $0] + outcomes[20 + query, $0]) / 2 }
      let kept =
        json["cells"]?["seed-1/depth-1/decay-0.01"]?.numbers(
          at: "methods", "exact-ggn", "lds") ?? []
      expectClose(
        try Correlation.spearman(sums, truth), kept[query], bound: .absolute(1e-12))
    }
    // The table's LDS is the mean of all kept correlations.
    let kept = (0...1).flatMap {
      json["cells"]?["seed-\($0)/depth-1/decay-0.01"]?.numbers(
        at: "methods", "exact-ggn", "lds") ?? []
    }
    let row = try #require(
      outcome.report.tables[0].content.rows.first {
        $0[0] == .integer(1) && $0[2] == .text("exact-ggn")
      })
    guard case .number(let mean) = row[9] else {
      Issue.record("no LDS in \(row)")
      return
    }
    #expect(abs(mean - kept.reduce(0, +) / Double(kept.count)) < 1e-12)
  }

  @Test("The same settings leave the same values")
  func repeatable() throws {
    try expectRepeatable(file(seeds: 1), in: directory, within: 0.05)
  }

  @Test(
    "Settings that make no sense are refused, with their place",
    arguments: [
      ("leave-one-out: {rows: 61}", "leave-one-out.rows")
    ])
  func refusals(text: String, key: String) throws {
    try expectRefusal(file(text), of: key)
  }
}
