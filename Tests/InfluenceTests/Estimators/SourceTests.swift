import Foundation
import InfluenceKit
import TestSupport
import Testing

/// SOURCE with one segment, against its definition in d × d matrices.
@Suite("SOURCE")
struct SourceTests {
  /// V·f(F) of one block by Jacobi rotations, f(σ) = (1 − exp(−cσ))/σ.
  private func filtered(
    _ rows: Matrix<Double>, _ block: NaiveBlock, time: Double
  ) -> Matrix<Double> {
    let basis = Naive.eigendecomposition(block.fisher)
    var coordinates = Naive.product(rows, Naive.transpose(basis.vectors))
    for (column, value) in basis.values.enumerated() {
      let scaled = time * value
      let factor = abs(scaled) < 1e-12 ? time : -expm1(-scaled) / value
      for row in 0..<rows.rows { coordinates[row, column] *= factor }
    }
    return Naive.product(coordinates, basis.vectors)
  }

  private func expected(
    _ problem: Problem, _ setup: Setup, time: Double?
  ) -> (scores: Matrix<Double>, own: [Double], bound: Bound) {
    var scores = Matrix<Double>.zeros(problem.queryCount, problem.exampleCount)
    var own = [Double](repeating: 0, count: problem.exampleCount)
    var tolerance = 0.0
    for block in problem.naive {
      let time = time ?? 1 / block.lambda
      scores = Naive.sum(scores, block.scores(of: filtered(block.queries, block, time: time)))
      let values = block.scores(of: filtered(block.gradients, block, time: time)).diagonal
      own = zip(own, values).map { $0 + $1 }
      // ‖M‖ = c, and an error of F is amplified by c·‖F‖.
      tolerance +=
        8 * block.rounding(setup.precision) * time * (1 + time * block.largestEigenvalue)
        * max(block.queries.largestRow, block.gradients.largestRow) * block.gradients.largestRow
    }
    return (scores, own, .absolute(tolerance))
  }

  @Test("Scores and self-influence by d × d matrices", arguments: Setup.all, [nil, 0.01, 30.0])
  func naive(setup: Setup, time: Double?) throws {
    let problem = Problem.standard
    let wanted = expected(problem, setup, time: time)
    let estimator = Source(time: time)
    expectClose(
      try setup.scores(of: problem, estimator), wanted.scores, bound: wanted.bound)
    expectClose(
      try setup.selfInfluence(of: problem, estimator), wanted.own, bound: wanted.bound)
  }

  /// Gradient descent on ½xᵀFx − vᵀx from x = 0, in steps that are small beside 1/σ.
  @Test("It is where gradient descent has got to")
  func descent() throws {
    let problem = Problem.standard.separated[2]
    let block = problem.naive[0]
    let time = 2 / block.largestEigenvalue
    let steps = 4000
    var x = Matrix<Double>.zeros(problem.queryCount, block.width)
    for _ in 0..<steps {
      let slope = Naive.sum(block.queries, Naive.product(x, block.fisher), scale: -1)
      x = Naive.sum(x, slope, scale: time / Double(steps))
    }
    let expected = block.scores(of: x)
    for setup in Setup.inDouble {
      // A step of size h is off by h²σ/2 of the slope, so that all are by cσh/2 of the whole.
      expectClose(
        try setup.scores(of: problem, Source(time: time)), expected,
        bound: .absolute(
          2 * 2 / Double(steps) * time * block.queries.largestRow
            * block.gradients.largestRow))
    }
  }

  @Test("After a short time it is c times the inner product, after a long one the inverse")
  func limits() throws {
    let problem = Problem.standard.separated[1]
    let block = problem.naive[0]
    let size = block.queries.largestRow * block.gradients.largestRow
    for setup in Setup.inDouble {
      let short = 1e-9 / block.largestEigenvalue
      expectClose(
        try setup.scores(of: problem, Source(time: short)),
        try setup.scores(of: problem, HessianFree()).scaled(by: short),
        bound: .absolute(1e-9 * short * size))
    }
    // Ten columns of a geometric spectrum: F has an inverse.
    let least = Naive.eigendecomposition(block.fisher).values.min() ?? 0
    let undamped = problem.damped(.absolute(0))
    let setup = Setup(precision: .double, side: .query)
    let exact = try setup.scores(of: undamped, ExactFisher())
    expectClose(
      try setup.scores(of: problem, Source(time: 40 / least)), exact,
      bound: .absolute(1e-9 * size / least))
  }

  @Test("Between the damped inverse and twice of it, as a filter of eigenvalues")
  func between() {
    // 1/(σ + λ) ≤ (1 − exp(−σ/λ))/σ ≤ 1.2985/(σ + λ), at c = 1/λ = 1.
    for sigma in stride(from: 1e-6, to: 60, by: 0.01) {
      let ratio = -expm1(-sigma) / sigma * (sigma + 1)
      #expect(ratio >= 1 - 1e-12 && ratio < 1.2985)
    }
  }

  @Test("A kept fit gives the same, and λ plays no part where the time is given")
  func settings() throws {
    let setup = Setup(precision: .double, side: .score)
    let problem = Problem.standard
    let one = try setup.scores(of: problem, Source(time: 2))
    let other = try setup.scores(of: problem.damped(.relative(7)), Source(time: 2))
    #expect(one.elements == other.elements)
    #expect(Source().canBeKept && Source().isDamped && !Source(time: 2).isDamped)
    #expect(try EstimatorCatalog.estimator("source:time=2").settings == ["time": "2.0"])
    #expect(try EstimatorCatalog.estimator("source").settings.isEmpty)
    for bad in ["0", "-1", "nan", "inf", "x"] {
      #expect(throws: InfluenceError.self) { try EstimatorCatalog.estimator("source:time=\(bad)") }
    }
  }
}
