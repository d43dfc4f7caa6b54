import Experiments
import Foundation
import OrderedCollections
import Reporting
import TensorFiles
import TestSupport
import Testing

@Suite("Influence against leaving one out of convex models")
struct LeaveOneOutAgreementTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func file(_ more: String = "") throws -> ExperimentFile {
    try ExperimentFile(
      text: """
        experiment: leave-one-out
        seeds: 2
        penalties: [0.01]
        methods: [hessian-free, datainf, kfac, exact-hessian]
        data: {training: 80, validation: 30}
        \(more)
        """, path: "e.yaml")
  }

  @Test("The Hessian with its penalty foretells both models; random scores do not")
  func run() throws {
    let run = try TinyRun(file(), in: directory.url.appending(path: "run"))
    let (outcome, json) = (run.outcome, run.results)
    #expect(outcome.failures.isEmpty, "\(outcome.failures)")
    #expect(outcome.computed == 4)
    let table = try #require(outcome.report.tables.first)
    #expect(table.content.rows.count == 2 * 5)
    for model in ["softmax", "logistic"] {
      let cell = try #require(json["cells"]?["seed-0/\(model)/penalty-0.01"])
      let methods = try #require(cell["methods"])
      let best = try #require(methods.number(at: "exact-hessian", "spearman"))
      #expect(best > 0.97 && best <= 1)
      for method in ["hessian-free", "datainf", "kfac"] {
        let value = try #require(methods.number(at: method, "spearman"))
        #expect(value < best && value > -1)
      }
      // First order leaves out 1/(1 − h), which is above 1, and far so for examples that stand alone.
      let slope = try #require(methods.number(at: "exact-hessian", "slope"))
      #expect(slope > 0.99 && slope < 6)
      #expect(try #require(cell.number(at: "gradient_norm")) <= 1e-10)
      // Pearson of the first query, from what is kept, by the definition.
      let truth = cell.numbers(at: "first_query_truth")
      let predicted = cell.numbers(at: "first_query", "exact-hessian")
      #expect(truth.count == predicted.count && truth.count > 10)
      #expect(naivePearson(truth, predicted) > 0.9)
    }
  }

  @Test("The same settings leave the same values")
  func repeatable() throws {
    try expectRepeatable(file(), in: directory, within: 1e-3)
  }

  @Test(
    "Settings that make no sense are refused, with their place",
    arguments: [
      ("classes: [3, 3]", "classes"), ("classes: [3, 10]", "classes"),
      ("classes: [1]", "classes"),
    ])
  func refusals(text: String, key: String) throws {
    try expectRefusal(file(text), of: key)
  }
}

/// Pearson's correlation from its definition.
func naivePearson(_ x: [Double], _ y: [Double]) -> Double {
  let n = Double(x.count)
  let (meanX, meanY) = (x.reduce(0, +) / n, y.reduce(0, +) / n)
  var (xy, xx, yy) = (0.0, 0.0, 0.0)
  for (a, b) in zip(x, y) {
    xy += (a - meanX) * (b - meanY)
    xx += (a - meanX) * (a - meanX)
    yy += (b - meanY) * (b - meanY)
  }
  return xy / (xx * yy).squareRoot()
}
