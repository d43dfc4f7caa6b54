import Experiments
import Foundation
import OrderedCollections
import Reporting
import TensorFiles
import TestSupport
import Testing

@Suite("Ensembles of dropout gradients")
struct InnerProductEnsembleTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func file(_ more: String = "", training: Int = 100) throws -> ExperimentFile {
    try ExperimentFile(
      text: """
        experiment: inner-product-ensemble
        seeds: 2
        \(more.hasPrefix("members") ? "" : "members: [1, 3, 5]")
        \(more.hasPrefix("max-rates") ? "" : "max-rates: [0.001, 0.3]")
        draws: 2
        reference: 4
        trim-seeds: 1
        random-draws: 2
        data: {training: \(training), validation: 40, test: 100\(more.hasPrefix("flip") ? ", flip: 0" : "")}
        model: {hidden: [12], epochs: 12}
        \(more.hasPrefix("flip") ? "" : more)
        """, path: "e.yaml")
  }

  @Test("One model is member 0 of every ensemble, and small rates change little")
  func run() throws {
    let folder = directory.url.appending(path: "run")
    // Two seeds and few members: the exponent of the variance is left to the sizes of the files.
    let outcome = try ExperimentRun(file(), in: folder).run()
    #expect(
      outcome.failures.allSatisfy { $0.claim.hasPrefix("The variance") }, "\(outcome.failures)")
    // Baselines, two rates, trained members, for each seed.
    #expect(outcome.computed == 2 * 4)
    #expect(outcome.report.tables[0].table.rows.count == 2 * 3 * 3)
    let json = try OrderedJSON(contentsOf: folder.appending(path: "results.json"))
    let base = try #require(json["cells"]?["seed-0/baselines"])
    let flipped = Set((base["flipped"]?.array ?? []).compactMap(\.integer))
    #expect(flipped.count == 20)
    for method in ["hessian-free", "datainf"] {
      let scores = base.numbers(at: "scores", method)
      #expect(scores.count == 100)
      let area = naiveArea(scores.map { -$0 }, positives: flipped)
      var accuracies: Set<Double> = []
      for source in ["rate-0.001", "rate-0.3", "trained"] {
        let cell = try #require(json["cells"]?["seed-0/\(source)"]?["methods"]?[method])
        let rows = cell["ensembles"]?.array ?? []
        #expect(rows.count == 3)
        // T = 1 is the model alone, whatever the source of others.
        #expect(abs(try #require(rows[0].number(at: "auc")) - area) < 1e-12)
        accuracies.insert(try #require(cell.numbers(at: "accuracies").first))
        #expect(cell.numbers(at: "variances").allSatisfy { $0 > 0 })
      }
      #expect(accuracies.count == 1)
      let small = try #require(
        json["cells"]?["seed-0/rate-0.001"]?["methods"]?[method]?["ensembles"]?.array)
      #expect(try #require(small[0].number(at: "spearman")) > 0.99)
    }
  }

  @Test("The same settings leave the same values")
  func repeatable() throws {
    try expectRepeatable(file(training: 60), in: directory, within: 1e-3)
  }

  @Test(
    "Settings that make no sense are refused, with their place",
    arguments: [
      ("members: [2, 5]", "members"), ("members: [1]", "members"),
      ("max-rates: [0.1, 0.1]", "max-rates"), ("flip", "data.flip"),
    ])
  func refusals(text: String, key: String) throws {
    let error = try #require(throws: ExperimentError.self) {
      try ExperimentRun(file(text), in: directory.url.appending(path: "refused"))
    }
    guard case .invalidValue(.file("e.yaml", _, _), key, _) = error else {
      Issue.record("\(error)")
      return
    }
  }

  /// The share of pairs of a positive and a negative that are in order, ties half.
  private func naiveArea(_ scores: [Double], positives: Set<Int>) -> Double {
    var (wins, pairs) = (0.0, 0.0)
    for (i, high) in scores.enumerated() where positives.contains(i) {
      for (j, low) in scores.enumerated() where !positives.contains(j) {
        pairs += 1
        wins += high > low ? 1 : high == low ? 0.5 : 0
      }
    }
    return wins / pairs
  }
}
