import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("TRAK")
struct TRAKTests {
  /// 24 examples of ten features: more examples than features, as TRAK needs.
  private var problem: Problem {
    var problem = Problem(blocks: [
      .random("features", shape: [10], rows: 24, .flat, seed: 71)
    ])
    problem.damping = .absolute(0)
    return problem
  }
  private let probabilities = (0..<24).map { Double($0) / 24 }

  private func file(_ numbers: [Double]) throws -> (TemporaryDirectory, String) {
    let folder = try TemporaryDirectory()
    let url = folder.file("probabilities.npy")
    try NumpyFile.write(
      Matrix<Double>(rows: numbers.count, columns: 1, elements: numbers), to: url)
    return (folder, url.path)
  }

  /// Φ_q·(ΦᵀΦ + ρI)⁻¹·Φᵀ·diag(1 − p), and the same of the training examples.
  private func naive(ridge: Double) throws -> (scores: Matrix<Double>, own: [Double]) {
    let (features, queries) = (problem.blocks[0].gradients, problem.blocks[0].queries)
    var moment = Naive.product(Naive.transpose(features), features)
    for index in 0..<moment.rows { moment[index, index] += ridge }
    let inverse = try #require(Naive.inverse(moment))
    func weighted(_ rows: Matrix<Double>) -> Matrix<Double> {
      var scores = Naive.product(Naive.product(rows, inverse), Naive.transpose(features))
      for row in 0..<scores.rows {
        for column in 0..<scores.columns { scores[row, column] *= 1 - probabilities[column] }
      }
      return scores
    }
    return (weighted(queries), weighted(features).diagonal)
  }

  @Test("Against the formula, with and without a ridge", arguments: [0, 2.5])
  func formula(ridge: Double) throws {
    let (folder, path) = try file(probabilities)
    defer { _ = folder }
    var problem = problem
    problem.damping = .absolute(ridge / 24)
    let wanted = try naive(ridge: ridge)
    let setup = Setup(precision: .double, side: .query)
    expectClose(
      try setup.scores(of: problem, TRAK(probabilities: path)), wanted.scores,
      bound: .relative(1e-12))
    expectClose(
      try setup.selfInfluence(of: problem, TRAK(probabilities: path)), wanted.own,
      bound: .relative(1e-12))
  }

  @Test("Probabilities that are missing, too few or none are errors before any work")
  func errors() throws {
    let setup = Setup(precision: .double, side: .query)
    func message(_ estimator: TRAK) -> String {
      do {
        _ = try setup.scores(of: problem, estimator)
        return ""
      } catch {
        return "\(error)"
      }
    }
    #expect(message(TRAK()).contains("beside the gradients of the margin"))
    let (short, shortPath) = try file([0.5, 0.5])
    #expect(message(TRAK(probabilities: shortPath)).contains("2 numbers"))
    var bad = probabilities
    bad[7] = 1.5
    let (wrong, wrongPath) = try file(bad)
    #expect(message(TRAK(probabilities: wrongPath)).contains("number 7"))
    defer { _ = (short, wrong) }
    #expect(
      try EstimatorCatalog.estimator("trak:probabilities=a/b.npy").settings
        == ["probabilities": "a/b.npy"])
  }
}
