import InfluenceKit
import TestSupport
import Testing

@Suite("Ensembles of stores")
struct ScoreEnsembleTests {
  private let options = CurvatureOptions(certifies: false, precision: .double)

  private func problem(_ seed: UInt64) -> Problem {
    Problem(blocks: [
      .random("first", shape: [3, 4], rows: 9, .flat, seed: seed),
      .random("second", shape: [5], rows: 9, .geometric, seed: seed + 100),
    ])
  }

  private func member(_ seed: UInt64, weight: Double = 1) -> ScoreEnsemble.Member {
    ScoreEnsemble.Member(
      weight: weight, training: problem(seed).training(.double),
      queries: problem(seed).queries(.double))
  }

  private func alone(_ seed: UInt64, _ estimator: any Estimator) throws -> Matrix<Double> {
    try Curvature(fitting: [estimator], on: problem(seed).training(.double), options: options)
      .scores(of: problem(seed).queries(.double))[0].values
  }

  @Test(
    "One member of weight 1 is that store",
    arguments: ["hessian-free", "datainf", "exact", "cosine"])
  func single(method: String) throws {
    let estimator = try EstimatorCatalog.estimator(method)
    let ensemble = try ScoreEnsemble([member(1)])
    #expect(
      try ensemble.scores(by: estimator, options: options).values == (try alone(1, estimator)))
  }

  @Test(
    "Scores and self-influence are weighted sums, in any order",
    arguments: ["hessian-free", "exact"])
  func sums(method: String) throws {
    let estimator = try EstimatorCatalog.estimator(method)
    let parts: [(UInt64, Double)] = [(1, 0.5), (2, -2), (3, 1e-3)]
    var expected = Matrix<Double>.zeros(5, 9)
    var own = [Double](repeating: 0, count: 9)
    for (seed, weight) in parts {
      expected = Naive.sum(expected, try alone(seed, estimator), scale: weight)
      let values = try Curvature(
        fitting: [estimator], on: problem(seed).training(.double), options: options
      ).selfInfluence()[0].values
      own = zip(own, values).map { $0 + weight * $1 }
    }
    for order in [parts, parts.reversed()] {
      let ensemble = try ScoreEnsemble(order.map { member($0.0, weight: $0.1) })
      expectClose(
        try ensemble.scores(by: estimator, options: options).values, expected,
        bound: .relative(1e-14))
      expectClose(
        try ensemble.selfInfluence(by: estimator, options: options).values, own,
        bound: .relative(1e-14))
      // Some queries, and their mean.
      let some = try ensemble.scores(by: estimator, ofQueries: 1..<3, options: options).values
      expectClose(some, Matrix(expected.view[rows: 1..<3]), bound: .relative(1e-12))
      let mean = try ensemble.scores(by: estimator, aggregation: .mean, options: options).values
      expectClose(mean, expected.meanRow(), bound: .relative(1e-12))
    }
  }

  @Test("Members that do not fit together are named")
  func errors() {
    func failure(_ members: [ScoreEnsemble.Member]) -> String {
      do {
        _ = try ScoreEnsemble(members)
        return ""
      } catch {
        return "\(error)"
      }
    }
    #expect(failure([]).contains("no members"))
    #expect(failure([member(1, weight: .nan)]).contains("weight"))
    var other = problem(2)
    other.blocks[1].name = "third"
    let renamed = ScoreEnsemble.Member(
      weight: 1, training: other.training(.double), queries: other.queries(.double))
    #expect(failure([member(1), renamed]).contains("third"))
    let shorter = ScoreEnsemble.Member(
      weight: 1, training: problem(2).training(.double)[rows: 0..<8],
      queries: problem(2).queries(.double))
    #expect(failure([member(1), shorter]).contains("8 rows where the first has 9"))
  }
}
