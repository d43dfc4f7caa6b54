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

  @Test("A size of which the members make no two groups has no variance, and stops no report")
  func fewMembers() throws {
    // Five members beyond member 0, and four for reference: one group of five.
    let run = try TinyRun(file("members: [1, 2, 6]"), in: directory.url.appending(path: "few"))
    let trained = try #require(
      run.results["cells"]?["seed-0/trained"]?["methods"]?["datainf"]?.numbers(at: "variances"))
    #expect(trained.count == 2 && trained[0] > 0 && trained[1] == 0)
    #expect(run.outcome.report.pictures.contains { $0.name == "variance" })
  }

  @Test("One model is member 0 of every ensemble, and small rates change little")
  func run() throws {
    // Two seeds and few members: the exponent of the variance is left to the sizes of the files.
    let run = try TinyRun(file(), in: directory.url.appending(path: "run"))
    let (outcome, json) = (run.outcome, run.results)
    #expect(
      outcome.failures.allSatisfy { $0.claim.hasPrefix("The variance") }, "\(outcome.failures)")
    // Baselines, two rates, trained members, for each seed.
    #expect(outcome.computed == 2 * 4)
    #expect(outcome.report.tables[0].content.rows.count == 2 * 3 * 3)
    let base = try #require(json["cells"]?["seed-0/baselines"])
    let flipped = Set((base["flipped"]?.array ?? []).compactMap(\.integer))
    #expect(flipped.count == 20)
    for method in ["hessian-free", "datainf"] {
      let scores = base.numbers(at: "scores", method)
      #expect(scores.count == 100)
      let area = Naive.areaUnderROC(scores.map { -$0 }, positives: flipped)
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
    try expectRefusal(file(text), of: key)
  }
}
