import InfluenceKit
import TestSupport
import Testing

/// What must hold between the methods, and for each of them, whatever the numbers.
@Suite("Identities")
struct IdentityTests {
  private func single(_ shape: Int, rows: Int = 20, _ spectrum: Spectrum = .flat) -> Problem {
    Problem(blocks: [.random("w", shape: [shape], rows: rows, spectrum, seed: 5)])
  }

  /// (A + λI)⁻¹, and what times what is left of it, in plain formulas.
  private func shifted(_ matrix: Matrix<Double>, by value: Double) -> Matrix<Double> {
    var result = matrix
    for index in 0..<matrix.rows { result[index, index] += value }
    return result
  }

  @Test("Woodbury = primal = kernel ridge", arguments: Setup.all, [35, 8])
  func woodbury(setup: Setup, width: Int) throws {
    let problem = single(width)
    let block = try #require(problem.naive.first)
    let n = Double(block.exampleCount)
    let c = block.products
    let k = block.kernel
    let ridge = shifted(k, by: n * block.lambda)
    let primal = try block.scores(.exact, scale: 0)
    // S = n·C·(K + nλI)⁻¹.
    let inverse = try #require(Naive.inverse(ridge))
    let kernelRidge = Naive.product(c, inverse).scaled(by: n)
    // S = V·(1/λ)[I − Gᵀ(nλI + K)⁻¹G]·Gᵀ.
    let woodbury = Naive.sum(c, Naive.product(Naive.product(c, inverse), k), scale: -1)
      .scaled(by: 1 / block.lambda)
    let bound = Bound.absolute(block.scoreTolerance(.exact, primal, .double))
    expectClose(kernelRidge, primal, bound: bound)
    expectClose(woodbury, primal, bound: bound)
    expectClose(
      try setup.scores(of: problem, ExactFisher()), kernelRidge,
      bound: .absolute(block.scoreTolerance(.exact, primal, setup.precision)))
  }

  @Test(
    "DataInf: loop = matrix = Gram = mean of explicit inverses", arguments: Setup.all, [18, 6])
  func dataInf(setup: Setup, width: Int) throws {
    let problem = single(width, .lowRank)
    let block = try #require(problem.naive.first)
    let n = Double(block.exampleCount)
    let lambda = block.lambda
    let loop = block.scores(of: block.dataInf(block.queries))
    // (1/λ)·[V − (1/n)·C·W·G], and the same times Gᵀ.
    var weighted = block.products
    for (column, square) in block.squaredNorms.enumerated() {
      for row in 0..<weighted.rows { weighted[row, column] /= lambda + square }
    }
    let corrections = Naive.product(weighted, block.gradients).scaled(by: 1 / n)
    let matrix = block.scores(
      of: Naive.sum(block.queries, corrections, scale: -1).scaled(by: 1 / lambda))
    let gram = Naive.sum(
      block.products, Naive.product(weighted, block.kernel), scale: -1 / n
    ).scaled(by: 1 / lambda)
    var mean = Matrix<Double>.zeros(width, width)
    for example in 0..<block.exampleCount {
      let row = block.gradients.rows([example])
      let one = shifted(Naive.product(Naive.transpose(row), row), by: lambda)
      mean = Naive.sum(mean, try #require(Naive.inverse(one)), scale: 1 / n)
    }
    let inverses = block.scores(of: Naive.product(block.queries, mean))
    let bound = Bound.absolute(block.scoreTolerance(.dataInf, loop, .double))
    expectClose(matrix, loop, bound: bound)
    expectClose(gram, loop, bound: bound)
    // An explicit inverse loses the condition of gᵢgᵢᵀ + λI.
    let condition = (block.squaredNorms.max() ?? 0) / lambda + 1
    expectClose(
      inverses, loop,
      bound: .absolute(condition * block.scoreTolerance(.dataInf, loop, .double)))
    expectClose(
      try setup.scores(of: problem, DataInf()), loop,
      bound: .absolute(block.scoreTolerance(.dataInf, loop, setup.precision)))
  }

  @Test("DataInf of one example is exact", arguments: Setup.all)
  func oneExample(setup: Setup) throws {
    let problem = single(12, rows: 1)
    let (exact, tolerance) = try problem.expectedScores(.exact, setup.precision)
    expectClose(try setup.scores(of: problem, DataInf()), exact, bound: .absolute(tolerance))
    expectClose(try setup.scores(of: problem, ExactFisher()), exact, bound: .absolute(tolerance))
  }

  @Test("DataInf of examples alike up to sign is exact", arguments: Setup.all)
  func alikeExamples(setup: Setup) throws {
    var problem = single(12)
    let first = problem.blocks[0].gradients.rows([0])
    for row in 0..<problem.exampleCount {
      problem.blocks[0].gradients[row: row] =
        first.scaled(by: row.isMultiple(of: 3) ? -1 : 1).elements[...]
    }
    let (exact, tolerance) = try problem.expectedScores(.exact, setup.precision)
    expectClose(try setup.scores(of: problem, DataInf()), exact, bound: .absolute(tolerance))
    expectClose(try setup.scores(of: problem, ExactFisher()), exact, bound: .absolute(tolerance))
  }

  @Test(
    "Repeating the data set changes neither λ nor scores", arguments: Setup.all, Method.allCases)
  func tiling(setup: Setup, method: Method) throws {
    let problem = Problem.standard
    let times = 3
    let tiled = problem.mapping { block in
      var block = block
      block.gradients = Matrix(
        rows: times * block.gradients.rows, columns: block.gradients.columns,
        elements: (0..<times).flatMap { _ in block.gradients.elements })
      return block
    }
    let estimator = method.estimator(for: problem)
    let once = try setup.curvature(of: problem, [estimator])
    let more = try setup.curvature(of: tiled, [estimator])
    for (a, b) in zip(once.contexts, more.contexts) {
      expectClose(
        b.damping ?? 0, a.damping ?? 0,
        bound: .backward(order: times * problem.exampleCount))
    }
    let (expected, _) = try problem.expectedScores(method, setup.precision)
    let tolerance = try tiled.expectedScores(method, setup.precision).tolerance
    let found = try setup.scores(of: tiled, estimator)
    let columns = (0..<times).flatMap { _ in Array(0..<problem.exampleCount) }
    expectClose(
      found, Naive.transpose(Naive.transpose(expected).rows(columns)),
      bound: .absolute(tolerance))
  }

  @Test(
    "Rotating parameters changes no score", arguments: Setup.all,
    Method.allCases.filter { $0 != .conjugateGradient })
  func rotation(setup: Setup, method: Method) throws {
    let problem = Problem.standard
    var generator = SeededGenerator(seed: 8)
    let rotated = problem.mapping { block in
      let q = Matrix<Double>.randomOrthogonal(block.gradients.columns, using: &generator)
      var block = block
      block.gradients = Naive.product(block.gradients, q)
      block.queries = Naive.product(block.queries, q)
      return block
    }
    // Stores round rotated gradients to the precision: one more error of the size of those counted.
    let (expected, tolerance) = try problem.expectedScores(method, setup.precision)
    expectClose(
      try setup.scores(of: rotated, method.estimator(for: problem)), expected,
      bound: .absolute(2 * tolerance))
  }

  @Test(
    "The score of the mean query is the mean of scores", arguments: Setup.all, Method.linear)
  func meanQuery(setup: Setup, method: Method) throws {
    let problem = Problem.standard
    let curvature = try setup.curvature(of: problem, [method.estimator(for: problem)])
    let queries = problem.queries(setup.precision)
    let mean = try #require(try curvature.scores(of: queries, aggregation: .mean).first)
    let rows = try #require(try curvature.scores(of: queries).first).values
    let ones = Matrix<Double>(repeating: 1 / Double(rows.rows), rows: 1, columns: rows.rows)
    #expect(mean.aggregation == .mean && mean.queryCount == 1)
    expectClose(
      mean.values, Naive.product(ones, rows),
      bound: .absolute(try problem.expectedScores(method, setup.precision).tolerance))
    #expect(mean.certificate?.residualNorms.rows == 1)
  }

  @Test(
    "Self-influence: 0 ≤ exact ≤ DataInf ≤ ν/λ", arguments: Setup.all, Spectrum.allCases)
  func order(setup: Setup, spectrum: Spectrum) throws {
    for width in [30, 7] {
      let problem = Problem(blocks: [.random("w", shape: [width], rows: 20, spectrum, seed: 6)])
      let curvature = try setup.curvature(
        of: problem, [ExactFisher(), DataInf(), BlockNormalized()])
      let influence = try curvature.selfInfluence().map(\.values)
      let rounding =
        try Method.allCases.map {
          try problem.expectedSelfInfluence($0, setup.precision).tolerance
        }.max() ?? 0
      let n = Double(problem.exampleCount)
      for example in 0..<problem.exampleCount {
        let values = influence.map { $0[example] }
        #expect(values[0] >= -rounding)
        #expect(values[0] <= values[1] + rounding)
        #expect(values[1] <= values[2] + rounding)
        // Leverage below 1, and sharper: self ≤ ν/(λ + ν/n).
        let context = curvature.contexts[0]
        let square = context.squaredNorms[example]
        #expect(values[0] < n + rounding)
        #expect(values[0] <= square / ((context.damping ?? 0) + square / n) + rounding)
      }
    }
  }

  @Test(
    "The sum of exact self-influence is n times the effective dimension", arguments: Setup.all,
    Spectrum.allCases)
  func sumRule(setup: Setup, spectrum: Spectrum) throws {
    for width in [30, 7] {
      let problem = Problem(blocks: [.random("w", shape: [width], rows: 20, spectrum, seed: 7)])
      let influence = try setup.selfInfluence(of: problem, ExactFisher())
      let found = try #require(
        try BlockSpectrum.all(of: problem.training(setup.precision)).first)
      let block = try #require(problem.naive.first)
      let n = Double(problem.exampleCount)
      // Spectra come from products in single precision: each of the terms moves by δs/λ.
      let terms = Double(found.eigenvalues.count)
      let tolerance = n * block.rounding(.single) * terms * block.condition
      expectClose(
        influence.reduce(0, +), n * found.effectiveDimension,
        bound: .absolute(tolerance + n * block.selfTolerance(.exact, influence, setup.precision)))
    }
  }

  @Test("Conjugate gradients and LiSSA tend to exact", arguments: Setup.all, Spectrum.allCases)
  func convergence(setup: Setup, spectrum: Spectrum) throws {
    let tolerance = 1e-8
    for width in [30, 7] {
      let problem = Problem(blocks: [.random("w", shape: [width], rows: 20, spectrum, seed: 4)])
      let block = try #require(problem.naive.first)
      let (exact, rounding) = try problem.expectedScores(.exact, setup.precision)
      let estimators: [any Estimator] = [
        ConjugateGradient(tolerance: tolerance), LiSSA(depth: .tolerance(tolerance)),
      ]
      // |s − s*| ≤ ‖r‖·‖(F + λI)⁻¹g‖ ≤ tolerance·‖v‖·‖g‖/λ.
      let left =
        tolerance * block.queries.largestRow * block.gradients.largestRow / block.lambda
      for scores in try setup.scores(of: problem, estimators) {
        expectClose(
          scores.values, exact, bound: .absolute(left + rounding), "\(scores.method) d = \(width)")
        #expect(scores.warnings.isEmpty, "\(scores.method) d = \(width)")
      }
    }
  }

  @Test(
    "Where gradients sum to zero, scores do", arguments: Setup.all, Method.allCases)
  func zeroSum(setup: Setup, method: Method) throws {
    var generator = SeededGenerator(seed: 10)
    // Integers, so that the sum is zero and not nearly so.
    let problem = Problem.standard.mapping { block in
      var block = block
      var gradients = Matrix<Double>.smallIntegers(
        block.gradients.rows, block.gradients.columns, using: &generator)
      for column in 0..<gradients.columns {
        let sum = (1..<gradients.rows).reduce(0) { $0 + gradients[$1, column] }
        gradients[0, column] = -sum
      }
      block.gradients = gradients
      return block
    }
    let scores = try setup.scores(of: problem, method.estimator(for: problem))
    let tolerance = try problem.expectedScores(method, setup.precision).tolerance
    let sums = (0..<scores.rows).map { scores[row: $0].reduce(0, +) }
    // n scores, each with its error.
    expectClose(
      sums, sums.map { _ in 0.0 }, bound: .absolute(Double(problem.exampleCount) * tolerance))
    #expect(scores.largest > tolerance)
  }

  @Test(
    "Self-influence is the score of an example on itself", arguments: Setup.all, Method.allCases)
  func onItself(setup: Setup, method: Method) throws {
    let problem = Problem.standard.mapping { block in
      var block = block
      block.queries = block.gradients
      return block
    }
    let estimator = method.estimator(for: problem)
    let tolerance = try problem.expectedScores(method, setup.precision).tolerance
    let scores = try setup.scores(of: problem, estimator)
    expectClose(
      try setup.selfInfluence(of: problem, estimator), scores.diagonal,
      bound: .absolute(tolerance))
    // gᵢᵀMgⱼ = gⱼᵀMgᵢ where M is symmetric, and the same for both.
    if method != .conjugateGradient {
      expectClose(scores, Naive.transpose(scores), bound: .absolute(tolerance))
    }
  }
}
