import Data
import Experiments
import Foundation
import InfluenceKit
import Reporting
import TensorFiles
import TestSupport
import Testing

@Suite("Adversarial defence")
struct AdversarialDefenceTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  static let text = """
    experiment: adversarial-defence
    seeds: 2
    shares: [0.2, 1]
    budget: 0.1
    defences: [trim, relabel, reweight, scale-features]
    leak: true
    random-draws: 2
    data: {training: 150, validation: 150, test: 300, group-feature: false, noise: 1.2}
    model: {regularization: 0.01}
    """

  @Test("Every defence, method and view has a row, and accuracies are shares")
  func report() throws {
    let run = try TinyRun(Self.text, in: directory.url)
    #expect(run.outcome.failures.isEmpty)
    let table = try run.table("accuracy")
    // Two shares; three baselines; four defences by five methods in two views, and by random scores.
    let rowsOfShare: Int = 3 + 4 * (5 * 2 + 1)
    #expect(table.rows.count == 2 * rowsOfShare)
    for row in table.rows {
      for column in [4, 6, 8] {
        guard case .number(let value) = row[column] else {
          Issue.record("no accuracy")
          continue
        }
        #expect((0...1).contains(value))
      }
    }
    #expect(run.outcome.report.pictures.map(\.name) == ["attacked", "leaking"])
    let honest = try TinyRun(
      Self.text, in: directory.url.appending(path: "honest"), overrides: ["leak=false"])
    #expect(honest.outcome.report.pictures.map(\.name) == ["attacked"])
    #expect(honest.value("seed-0/share-0.2", "honest") == run.value("seed-0/share-0.2", "honest"))
  }

  @Test("Attack, trimming and relabelling are those of the definitions")
  func definitions() throws {
    let run = try TinyRun(Self.text, in: directory.url)
    let cell = "seed-1/share-1.0"
    let parts = try SyntheticGroups(.gaussians, noise: 1.2, groupCorrelation: 0.5, seed: 1)
      .parts([150, 150, 300])
    let settings = NewtonSettings(regularization: 0.01)
    let model = try LogisticRegression(trainedOn: parts[0].data, settings: settings)
    let clean = Naive.accuracy(model, parts[2].data)
    #expect(run.value(cell, "none", "clean")?.number == clean)
    // Each example goes past the boundary: right becomes wrong.
    let attacked = try #require(run.value(cell, "none", "attacked")?.number)
    #expect(abs(attacked - (1 - clean)) < 1e-12)
    #expect(run.value(cell, "none", "attacked_rows")?.number == attacked)

    let seen = try Self.attacked(parts[1].data, model)
    let field = try Self.attacked(parts[2].data, model)
    let scores = Naive.utilityScores(model, seen)
    let kept = Naive.kept(scores, without: 0.1)
    let trimmed = try LogisticRegression(
      trainedOn: parts[0].data.selecting(kept), settings: settings)
    #expect(
      run.value(cell, "honest", "hessian-free", "trim", "attacked")?.number
        == Naive.accuracy(trimmed, field))
    var labels = parts[0].data.labels
    for row in Set(labels.indices).subtracting(kept) { labels[row] = 1 - labels[row] }
    let relabelled = try LogisticRegression(
      trainedOn: parts[0].data.relabelled(labels), settings: settings)
    #expect(
      run.value(cell, "honest", "hessian-free", "relabel", "clean")?.number
        == Naive.accuracy(relabelled, parts[2].data))
    let leaking = Naive.kept(Naive.utilityScores(model, field), without: 0.1)
    #expect(
      run.value(cell, "leaking", "hessian-free", "trim", "attacked")?.number
        == Naive.accuracy(
          try LogisticRegression(
            trainedOn: parts[0].data.selecting(leaking), settings: settings), field))
  }

  /// x − 1.3·(wᵀx + b)/(wᵀw)·w.
  private static func attacked(
    _ data: TabularDataSet<Double>, _ model: LogisticRegression
  ) throws -> TabularDataSet<Double> {
    let (w, b) = (Array(model.parameters.dropLast()), model.parameters[2])
    let square = w[0] * w[0] + w[1] * w[1]
    var elements: [Double] = []
    for row in 0..<data.count {
      let x = Array(data.features[row: row])
      let step = 1.3 * (w[0] * x[0] + w[1] * x[1] + b) / square
      elements += [x[0] - step * w[0], x[1] - step * w[1]]
    }
    return try TabularDataSet(
      features: Matrix(rows: data.count, columns: 2, elements: elements), labels: data.labels,
      classCount: 2)
  }

  @Test("Shares that do not ascend are refused with their place")
  func shares() throws {
    let file = try ExperimentFile(
      text: Self.text.replacingOccurrences(of: "[0.2, 1]", with: "[0.2, 0.1]"), path: "e.yaml")
    let error = #expect(throws: ExperimentError.self) { try ExperimentRun(file, in: directory.url) }
    #expect("\(try #require(error))".hasPrefix("e.yaml:3:9: shares: "))
  }
}
