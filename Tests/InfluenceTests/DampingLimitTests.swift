import InfluenceKit
import TestSupport
import Testing

/// What the methods tend to under heavy and light damping, and how fast.
@Suite("Limits of the damping")
struct DampingLimitTests {
  private func problem(damping: Damping, width: Int = 30) -> Problem {
    var problem = Problem(
      blocks: [.random("w", shape: [width], rows: 20, .flat, seed: 12)])
    problem.damping = damping
    return problem
  }

  /// The mean of νᵢ is the scale of heavy damping.
  private func meanSquare(_ problem: Problem) throws -> Double {
    let squares = try #require(problem.naive.first).squaredNorms
    return squares.reduce(0, +) / Double(squares.count)
  }

  @Test("λ → ∞: λ·DataInf tends to Hessian-free like ν/λ", arguments: Setup.inDouble)
  func heavyFirstOrder(setup: Setup) throws {
    let mean = try meanSquare(problem(damping: .standard))
    var errors: [Double] = []
    for ratio in [1e2, 1e3, 1e4] {
      let problem = problem(damping: .absolute(ratio * mean))
      let block = try #require(problem.naive.first)
      let scores = try setup.scores(of: problem, DataInf())
      let difference = Naive.sum(scores.scaled(by: block.lambda), block.products, scale: -1)
      errors.append(difference.largest)
      // λM = I − (1/n) Σ gᵢgᵢᵀ/(λ + νᵢ), and what is subtracted has no eigenvalue above s_max/λ.
      let norms = block.queries.largestRow * block.gradients.largestRow
      #expect(difference.largest <= norms * block.largestEigenvalue / block.lambda)
    }
    // First order: ten times the damping, a tenth of the error, up to the next order's 1/ratio.
    for (a, b) in zip(errors, errors.dropFirst()) { expectClose(a / b, 10, bound: .absolute(1)) }
  }

  @Test("λ → ∞: DataInf tends to exact like (ν/λ)²", arguments: Setup.inDouble, [30, 9])
  func heavySecondOrder(setup: Setup, width: Int) throws {
    let mean = try meanSquare(problem(damping: .standard, width: width))
    var errors: [Double] = []
    for ratio in [1e1, 1e2, 1e3] {
      let problem = problem(damping: .absolute(ratio * mean), width: width)
      let block = try #require(problem.naive.first)
      let exact = try setup.scores(of: problem, ExactFisher())
      let dataInf = try setup.scores(of: problem, DataInf())
      let difference = Naive.sum(dataInf, exact, scale: -1).largest
      // The difference of the inverses is (1/λ²)·[(1/n) Σ νᵢgᵢgᵢᵀ/(λ + νᵢ) − F²(F + λI)⁻¹], both parts
      // below ν_max·s_max/λ.
      let norms = block.queries.largestRow * block.gradients.largestRow
      let largest = block.squaredNorms.max() ?? 0
      let lambda = block.lambda
      #expect(
        difference <= norms * largest * block.largestEigenvalue / (lambda * lambda * lambda))
      errors.append(difference / exact.largest)
    }
    // Second order: a hundredth, up to the next order's 1/ratio, which is ν_max/λ·(a few) at first.
    for (a, b) in zip(errors, errors.dropFirst()) { expectClose(a / b, 100, bound: .absolute(40)) }
    expectClose(errors[1] / errors[2], 100, bound: .absolute(5))
  }

  @Test(
    "λ → 0: exact scores on the range stay finite, DataInf grows like 1/λ",
    arguments: Setup.inDouble)
  func light(setup: Setup) throws {
    var grown: [Double] = []
    for share in [1e-7, 1e-8] {
      var problem = problem(damping: .relative(share))
      problem.blocks[0].queries = problem.blocks[0].gradients
      let block = try #require(problem.naive.first)
      let n = Double(block.exampleCount)
      // n < d and full rank: n·K·(K + nλI)⁻¹ → n·I, which lacks nλ/(σ + nλ) of it.
      let smallest = try #require(Naive.eigendecomposition(block.kernel).values.first)
      let left = n * n * block.lambda / smallest
      let exact = try setup.scores(of: problem, ExactFisher())
      expectClose(
        exact, Matrix<Double>.identity(block.exampleCount).scaled(by: n),
        bound: .absolute(left + block.scoreTolerance(.exact, exact, .double)))
      grown.append(try setup.scores(of: problem, DataInf()).largest)
    }
    expectClose(grown[1] / grown[0], 10, bound: .relative(1e-6))
  }

  @Test("λ → ∞: exact self-influence tends to ν/λ without cancelling", arguments: Setup.all)
  func heavySelfInfluence(setup: Setup) throws {
    let mean = try meanSquare(problem(damping: .standard))
    for ratio in [1e3, 1e6, 1e9] {
      let problem = problem(damping: .absolute(ratio * mean))
      let block = try #require(problem.naive.first)
      let found = try setup.selfInfluence(of: problem, ExactFisher())
      let expected = block.squaredNorms.map { $0 / block.lambda }
      // What is left is s_max/λ of it, and the rounding of K or of x.
      expectClose(
        found, expected,
        bound: .relative(block.largestEigenvalue / block.lambda + block.rounding(setup.precision)))
    }
  }
}
