import Data
import Experiments
import Foundation
import InfluenceKit
import Reporting
import TestSupport
import Testing

@Suite("Influence of points in the plane")
struct SyntheticInfluenceTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  static let text = """
    experiment: synthetic
    seeds: 2
    shapes: [gaussians, moons]
    methods: [hessian-free, exact-hessian]
    data: {training: 40, validation: 60, noise: 0.5}
    model: {hidden: [6], epochs: 20, regularization: 0.02}
    """

  @Test("Checks hold, every measure has a row, and correlations are correlations")
  func report() throws {
    let run = try TinyRun(Self.text, in: directory.url)
    #expect(run.outcome.failures.isEmpty)
    #expect(run.outcome.report.checks.count == 4)
    let table = try run.table("correlation")
    #expect(table.rows.count == 2 * 5 * 2)
    for row in table.rows {
      for column in [3, 5, 7, 9] {
        guard case .number(let value) = row[column] else {
          Issue.record("no correlation")
          continue
        }
        #expect((-1.0 - 1e-12...1 + 1e-12).contains(value))
      }
    }
    #expect(
      run.outcome.report.pictures.map(\.name)
        == ["points-gaussians", "points-moons", "against-exact", "truth"])
  }

  @Test("Scores and the truth are those of the definitions")
  func definitions() throws {
    let run = try TinyRun(Self.text, in: directory.url)
    let parts = try SyntheticGroups(.gaussians, noise: 0.5, groupCorrelation: 0.5, seed: 1)
      .parts([40, 60])
    let settings = NewtonSettings(regularization: 0.02)
    let model = try LogisticRegression(trainedOn: parts[0].data, settings: settings)
    let cell = "seed-1/gaussians"
    let scores = run.numbers(cell, "scores", "hessian-free", "utility")
    let naive = Naive.utilityScores(model, parts[1].data)
    try #require(scores.count == 40)
    // Sums of 60 products of numbers of size 1 to 4.
    for (score, expected) in zip(scores, naive) { #expect(abs(score - expected) < 1e-10) }

    let truth = run.numbers(cell, "truth", "utility")
    let before = model.losses(of: parts[1].data).reduce(0, +)
    for row in [0, 17, 39] {
      let after = try model.leavingOut([row]).losses(of: parts[1].data).reduce(0, +)
      // Both end where the gradient is below 1e-10; the penalty makes that 1e-8 in the parameters.
      #expect(abs(truth[row] - (after - before)) < 1e-5)
    }
    // Attacked points that stay where they are, and points that are attacked anew, are two questions.
    #expect(
      run.numbers(cell, "truth", "robustness") != run.numbers(cell, "truth", "robustness-anew"))
    #expect(
      run.numbers(cell, "scores", "exact-hessian", "robustness")
        == run.numbers(cell, "scores", "exact-hessian", "robustness-anew"))
  }

  @Test(
    "What cannot be run is refused with its place",
    arguments: [
      ("methods=[hessian-free]", "methods"), ("data.training=2", "data.training"),
    ])
  func refusals(override: String, key: String) throws {
    let file = try ExperimentFile(text: Self.text, path: "e.yaml", overrides: [override])
    let error = #expect(throws: ExperimentError.self) { try ExperimentRun(file, in: directory.url) }
    guard case .invalidValue(.override, key, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("The boundary of a disc is one ring at its radius; that of a half plane one line")
  func boundary() throws {
    let ring = DecisionBoundary(x: -2...2, y: -2...2, cells: 40) { points in
      (0..<points.rows).map {
        1.5 - (points[$0, 0] * points[$0, 0] + points[$0, 1] * points[$0, 1]).squareRoot()
      }
    }
    let line = try #require(ring.lines.first)
    #expect(ring.lines.count == 1)
    #expect(line.first?.x == line.last?.x && line.first?.y == line.last?.y)
    for point in line {
      // A chord of a cell's length h is off by at most h²/(8r) of the radius, twice that in each place.
      #expect(abs((point.x * point.x + point.y * point.y).squareRoot() - 1.5) < 0.01 / (4 * 1.5))
    }
    let half = DecisionBoundary(x: -1...1, y: -1...1, cells: 10) { points in
      (0..<points.rows).map { points[$0, 0] + 2 * points[$0, 1] - 0.13 }
    }
    #expect(half.lines.count == 1)
    for point in half.lines[0] { #expect(abs(point.x + 2 * point.y - 0.13) < 1e-12) }
    #expect(
      DecisionBoundary(x: 0...1, y: 0...1, cells: 3) { [Double](repeating: 1, count: $0.rows) }
        .lines.isEmpty)
  }
}
