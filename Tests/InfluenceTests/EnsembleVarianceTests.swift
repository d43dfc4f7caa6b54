import InfluenceKit
import TestSupport
import Testing

@Suite("The variance of an ensemble's mean")
struct EnsembleVarianceTests {
  /// Members whose gradients are a shared part and independent noise of a known size.
  private func member(_ seed: UInt64, weight: Double) -> ScoreEnsemble.Member {
    var shared = SeededGenerator(seed: 1, stream: 5)
    var own = SeededGenerator(seed: seed, stream: 6)
    func rows(_ count: Int) -> Matrix<Double> {
      var matrix = Matrix<Double>.normal(count, 40, using: &shared)
      matrix.add(Matrix<Double>.normal(count, 40, deviation: 0.5, using: &own), scale: 1)
      return matrix
    }
    let problem = Problem(gradients: rows(30), queries: rows(4))
    return ScoreEnsemble.Member(
      weight: weight, training: problem.training(.double), queries: problem.queries(.double))
  }

  /// The mean over scores of their variance between ensembles of T members each.
  private func variance(of size: Int) throws -> Double {
    let (repeats, options) = (24, CurvatureOptions(certifies: false, precision: .double))
    let draws = try (0..<repeats).map { draw in
      let members = (0..<size).map {
        member(UInt64(1000 * size + draw * size + $0), weight: 1 / Double(size))
      }
      return try ScoreEnsemble(members).scores(by: HessianFree(), options: options).values.elements
    }
    let count = draws[0].count
    return (0..<count).reduce(0) { total, place in
      let values = draws.map { $0[place] }
      let mean = values.reduce(0, +) / Double(repeats)
      let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      return total + squares / Double(repeats - 1)
    } / Double(count)
  }

  @Test("It falls as 1/T on independent members", arguments: [2, 4, 8])
  func falls(size: Int) throws {
    // 120 scores by 24 draws estimate a variance to √(2/23) each, and to a tenth together: the scores
    // of one query share its noise, so that they count for some 25 independent ones and not 120.
    let ratio = try variance(of: 1) / variance(of: size)
    #expect(abs(ratio / Double(size) - 1) < 0.3, "\(ratio) for \(size)")
  }
}
