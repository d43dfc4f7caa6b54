import Data
import Experiments
import Foundation
import InfluenceKit
import Reporting
import TensorFiles
import TestSupport
import Testing

@Suite("Trimming for fairness and robustness")
struct FairnessRobustnessTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  static let text = """
    experiment: fairness-robustness
    seeds: 2
    budgets: [0, 0.1, 0.3]
    random-draws: 2
    data: {training: 150, validation: 150, test: 300, group-feature: false, noise: 1.2}
    model: {regularization: 0.01}
    """

  @Test("Every functional and method has a row, and numbers are in range")
  func report() throws {
    let run = try TinyRun(Self.text, in: directory.url, overrides: ["data.group-feature=true"])
    #expect(run.outcome.failures.isEmpty)
    #expect(try run.table("chosen").rows.count == 4 * 6)
    #expect(try run.table("budgets").rows.count == 4 * 6 * 3)
    for row in try run.table("budgets").rows {
      for column in [3, 5] {
        guard case .number(let value) = row[column] else {
          Issue.record("no number")
          continue
        }
        #expect((0...1).contains(value))
      }
    }
    #expect(run.outcome.report.pictures.map(\.name) == ["trimming", "utility"])
  }

  @Test("Curves are those of training again without the lowest scores")
  func definitions() throws {
    let run = try TinyRun(Self.text, in: directory.url)
    let parts = try SyntheticGroups(.gaussians, noise: 1.2, groupCorrelation: 0.5, seed: 1)
      .parts([150, 150, 300])
    let settings = NewtonSettings(regularization: 0.01)
    let model = try LogisticRegression(trainedOn: parts[0].data, settings: settings)
    let scores = Naive.utilityScores(model, parts[1].data)
    let expected = try [0, 0.1, 0.3].map { share in
      Naive.accuracy(
        try LogisticRegression(
          trainedOn: parts[0].data.selecting(Naive.kept(scores, without: share)),
          settings: settings), parts[2].data)
    }
    #expect(
      run.numbers("seed-1", "trimmed", "utility", "hessian-free", "test", "accuracy") == expected)
    // The first budget is the same classifier for all.
    for kind in ["demographic-parity", "robustness"] {
      for method in ["exact-hessian", "datainf", "ensemble-laplace"] {
        #expect(
          run.numbers("seed-1", "trimmed", kind, method, "test", "accuracy").first == expected[0])
      }
    }
    // An attack that goes past the boundary turns right into wrong.
    let robust = run.numbers("seed-1", "trimmed", "utility", "datainf", "test", "robust_accuracy")
    #expect(abs(try #require(robust.first) - (1 - expected[0])) < 1e-12)
    let ones = parts[2].data.labels.count { $0 == 1 }
    let share = try #require(run.value("seed-1", "majority")?.number)
    #expect(share == Double(ones) / 300 || share == Double(300 - ones) / 300)
  }

  @Test("Ensembles without noise are the inner product")
  func noNoise() throws {
    let run = try TinyRun(Self.text, in: directory.url, overrides: ["ensemble.noise=0"])
    for kind in ["utility", "demographic-parity", "equal-opportunity", "robustness"] {
      #expect(
        run.numbers("seed-0", "trimmed", kind, "ensemble-noise", "test", "log_loss")
          == run.numbers("seed-0", "trimmed", kind, "hessian-free", "test", "log_loss"))
    }
  }

  @Test(
    "Budgets that do not ascend from 0 are refused with their place",
    arguments: ["[0.1, 0.2]", "[0]", "[0, 0.2, 0.1]"])
  func budgets(value: String) throws {
    let file = try ExperimentFile(
      text: Self.text.replacingOccurrences(of: "[0, 0.1, 0.3]", with: value), path: "e.yaml")
    let error = #expect(throws: ExperimentError.self) { try ExperimentRun(file, in: directory.url) }
    #expect("\(try #require(error))".hasPrefix("e.yaml:3:10: budgets: "))
  }

  @Test("A table without its folder is refused, and the key named", arguments: ["adult", "bank"])
  func noFolder(set: String) throws {
    let file = try ExperimentFile(
      text: Self.text, path: "e.yaml", overrides: ["data.set=\(set)"])
    let error = #expect(throws: ExperimentError.self) { try ExperimentRun(file, in: directory.url) }
    guard case .missingKey(.override, "data.folder", _, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(
    "Bank Marketing is read, its contents are named, and more rows than it has are refused",
    .enabled(if: SharedData.has("data/tabular/bank.csv"), SharedData.absent))
  func bank() throws {
    let folder = try #require(SharedData.url("data")).path
    let overrides = [
      "data.set=bank", "data.folder=\(folder)", "data.training=400", "data.validation=400",
      "data.test=800", "methods=[hessian-free, exact-hessian]",
    ]
    let run = try TinyRun(Self.text, in: directory.url, overrides: overrides)
    #expect(run.results["inputs"]?["bank"]?.string?.count == 32)
    #expect(try run.table("chosen").rows.count == 4 * 3)
    let file = try ExperimentFile(
      text: Self.text, path: "e.yaml", overrides: overrides + ["data.training=4000"])
    #expect(throws: ExperimentError.self) {
      try ExperimentRun(file, in: directory.url.appending(path: "more"))
    }
  }
}
