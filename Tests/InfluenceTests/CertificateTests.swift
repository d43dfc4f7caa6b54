import InfluenceKit
import TestSupport
import Testing

@Suite("Certificate")
struct CertificateTests {
  @Test(
    "Residual norms are those of (F + λI)x − v", arguments: Setup.all, Method.allCases)
  func residuals(setup: Setup, method: Method) throws {
    let problem = Problem.standard
    let naive = problem.naive
    let scale = Method.scale(for: naive)
    let scores = try #require(
      try setup.scores(of: problem, [method.estimator(for: problem)]).first)
    let certificate = try #require(scores.certificate)
    #expect(certificate.blocks == problem.blocks.map(\.name))
    for (column, block) in naive.enumerated() {
      let x = try block.preconditioned(block.queries, method, scale: scale)
      let expected = Naive.rowNorms(block.residuals(of: x, for: block.queries))
      let norms = Naive.rowNorms(block.queries)
      // The steps of conjugate gradients move as their scores do, and the residual by s_max + λ times x.
      let unsteady =
        method == .conjugateGradient
        ? 2 * block.rounding(setup.precision) * residualSensitivity(block) : 0
      for query in 0..<problem.queryCount {
        expectClose(
          certificate.queryNorms[query, column], norms[query],
          bound: .backward(order: block.width))
        expectClose(
          certificate.residualNorms[query, column], expected[query],
          bound: .absolute(
            unsteady
              + block.residualTolerance(
                method, residual: expected[query], queryNorm: norms[query], setup.precision)
              + setup.precision.certificateSlack * expected[query]),
          "\(certificate.blocks[column]), query \(query)")
      }
    }
  }

  /// How much residual norms of a few steps change with rounding, per relative error.
  private func residualSensitivity(_ block: NaiveBlock) -> Double {
    let error = 1e-13
    func norms(_ x: Matrix<Double>) -> [Double] {
      Naive.rowNorms(block.residuals(of: x, for: block.queries))
    }
    let unchanged = norms(block.conjugateGradients(block.queries, steps: Method.steps))
    return (0..<3).reduce(0.0) { worst, seed in
      var generator = SeededGenerator(seed: UInt64(seed), stream: 502)
      let changed = norms(
        block.conjugateGradients(block.queries, steps: Method.steps) { value, size in
          value + error * size * generator.normal()
        })
      return zip(changed, unchanged).reduce(worst) { max($0, ($1.0 - $1.1).magnitude / error) }
    }
  }

  @Test(
    "No score is further from exact than the bound", arguments: Setup.all, Spectrum.allCases)
  func bound(setup: Setup, spectrum: Spectrum) throws {
    for width in [32, 8] {
      for damping in [Damping.standard, .relative(1e-3), .relative(10)] {
        var problem = Problem(
          blocks: [
            .random("a", shape: [width], rows: 20, spectrum, seed: 41),
            .random("b", shape: [2, 7], rows: 20, spectrum, scale: 0.01, seed: 42),
          ])
        problem.damping = damping
        let (exact, rounding) = try problem.expectedScores(.exact, setup.precision)
        let estimators = Method.allCases.map { $0.estimator(for: problem) }
        for (method, scores) in zip(Method.allCases, try setup.scores(of: problem, estimators)) {
          let certificate = try #require(scores.certificate)
          let bounds = certificate.errorBounds()
          // Scores are rounded, and so are the residuals: an error of C, K or x counts for both.
          let allowance = rounding + (try directRounding(of: method, problem, setup))
          for query in 0..<exact.rows {
            var largest = 0.0
            for example in 0..<exact.columns {
              let bound = certificate.errorBound(query: query, example: example)
              largest = max(largest, bound)
              let error = (scores.values[query, example] - exact[query, example]).magnitude
              #expect(
                error <= bound + allowance,
                "\(method), \(damping), d = \(width): (\(query), \(example))")
            }
            expectClose(bounds[query], largest, bound: .backward(order: 2))
          }
        }
      }
    }
  }

  /// The part of a method's rounding that is not in that of exact scores.
  private func directRounding(
    of method: Method, _ problem: Problem, _ setup: Setup
  ) throws -> Double {
    guard method != .exact else { return 0 }
    return try problem.naive.reduce(0) { sum, block in
      let scores = try block.scores(method, scale: Method.scale(for: problem.naive))
      let direct = method == .conjugateGradient ? Method.blockNormalized : method
      return sum + block.scoreTolerance(direct, scores, setup.precision)
    }
  }

  @Test("Converged scores are certified closely", arguments: Setup.all)
  func notVacuous(setup: Setup) throws {
    let problem = Problem.standard.mapping { block in
      var block = block
      block.queries = block.gradients
      return block
    }
    for part in problem.separated {
      let block = try #require(part.naive.first)
      let tolerance = 1e-6
      let scores = try #require(
        try setup.scores(of: part, [ConjugateGradient(tolerance: tolerance)]).first)
      let certificate = try #require(scores.certificate)
      let n = Double(block.exampleCount)
      for (query, square) in block.squaredNorms.enumerated() {
        // A query that is a training gradient scores at least ν/(s_max + λ) on itself, and no bound
        // exceeds ‖r‖·√n/(2√λ) with ‖r‖ ≤ tolerance·‖v‖.
        let residual =
          tolerance
          + block.residualTolerance(
            .conjugateGradient, residual: tolerance * square.squareRoot(),
            queryNorm: square.squareRoot(), setup.precision) / square.squareRoot()
        let limit =
          residual * square.squareRoot() * n.squareRoot() / (2 * block.lambda.squareRoot())
        let bound = try #require(certificate.errorBounds().dropFirst(query).first)
        #expect(bound <= limit * (1 + block.rounding(.double)))
        let least = square / (block.largestEigenvalue + block.lambda)
        #expect(scores.values[query, query] >= 0.99 * least)
        if setup.precision == .double {
          // In numbers: κ·√(nλ/ν)/2 · 1e-6, with κ below 10·d + 1.
          #expect(bound < 1e-2 * scores.values[query, query])
        }
      }
    }
  }

  @Test("Factors of examples are no less than ‖(F + λI)⁻¹g‖", arguments: Spectrum.allCases)
  func factors(spectrum: Spectrum) throws {
    for damping in [Damping.standard, .relative(1e-3), .relative(10)] {
      var problem = Problem(
        blocks: [.random("a", shape: [16], rows: 20, spectrum, seed: 43)])
      problem.damping = damping
      let block = try #require(problem.naive.first)
      let scores = try #require(try Setup.inDouble[0].scores(of: problem, [HessianFree()]).first)
      let factors = Array(try #require(scores.certificate).exampleFactors[row: 0])
      let sharp = Naive.rowNorms(try block.exact(block.gradients))
      let n = Double(block.exampleCount)
      for (example, square) in block.squaredNorms.enumerated() {
        let slack = 1 + block.condition * block.rounding(.double)
        #expect(sharp[example] <= factors[example] * slack)
        // Neither more than what holds for any example, nor than ‖g‖/λ.
        let lambda = block.lambda
        #expect(factors[example] <= (n / lambda).squareRoot() / 2 * slack)
        #expect(factors[example] <= square.squareRoot() / lambda * slack)
        let third = (square / (lambda + square / n) / lambda).squareRoot()
        expectClose(
          factors[example], min(third, (n / lambda).squareRoot() / 2),
          bound: .relative(block.rounding(.double)))
      }
    }
  }

  @Test("The relative residual is over all blocks together", arguments: Setup.all)
  func together(setup: Setup) throws {
    let problem = Problem.standard
    let scores = try #require(try setup.scores(of: problem, [DataInf()]).first)
    let certificate = try #require(scores.certificate)
    for query in 0..<problem.queryCount {
      let residual = Naive.norm(Array(certificate.residualNorms[row: query]))
      let norm = Naive.norm(Array(certificate.queryNorms[row: query]))
      expectClose(
        certificate.relativeResiduals[query], residual / norm,
        bound: .backward(order: certificate.blocks.count))
      for block in certificate.blocks.indices {
        expectClose(
          certificate.relativeResiduals(block: block)[query],
          certificate.residualNorms[query, block] / certificate.queryNorms[query, block],
          bound: .backward(order: 1))
      }
    }
  }
}
