import InfluenceKit
import TestSupport
import Testing

@Suite("Conjugate gradients")
struct ConjugateGradientTests {
  private func problem(_ width: Int, _ spectrum: Spectrum = .flat) -> Problem {
    Problem(
      blocks: [.random("layer.weight", shape: [width], rows: 18, spectrum, seed: 31)])
  }

  @Test("Each step is the textbook's, from v/λ", arguments: Setup.all, 1...5)
  func steps(setup: Setup, steps: Int) throws {
    for width in [26, 9] {
      let problem = problem(width)
      let block = try #require(problem.naive.first)
      let scores = try setup.scores(
        of: problem, ConjugateGradient(tolerance: 0, maximumSteps: steps))
      expectClose(
        scores, block.scores(of: block.conjugateGradients(block.queries, steps: steps)),
        bound: .absolute(
          2 * block.rounding(setup.precision) * block.sensitivity(steps: steps)
            + block.scoreTolerance(.blockNormalized, scores, setup.precision)),
        "d = \(width)")
    }
  }

  @Test("As many steps as eigenvalues are enough", arguments: Setup.inDouble)
  func fewEigenvalues(setup: Setup) throws {
    // Two different non-zero eigenvalues of F: rows along two axes, of two lengths.
    var gradients = Matrix<Double>.zeros(8, 12)
    for row in 0..<8 { gradients[row, row % 4] = row % 4 < 2 ? 1 : 3 }
    var generator = SeededGenerator(seed: 3)
    let problem = Problem(
      gradients: gradients, queries: .normal(4, 12, using: &generator))
    let scores = try #require(
      try setup.scores(of: problem, [ConjugateGradient(tolerance: 1e-12, maximumSteps: 2)]).first)
    #expect(scores.warnings.isEmpty)
    let (exact, tolerance) = try problem.expectedScores(.exact, setup.precision)
    let block = try #require(problem.naive.first)
    let left = 1e-12 * block.queries.largestRow * block.gradients.largestRow / block.lambda
    expectClose(scores.values, exact, bound: .absolute(tolerance + left))
  }

  @Test("The tolerance is reached", arguments: Setup.all, Spectrum.allCases)
  func tolerance(setup: Setup, spectrum: Spectrum) throws {
    for tolerance in [1e-2, 1e-6] {
      let problem = problem(26, spectrum)
      let block = try #require(problem.naive.first)
      let scores = try #require(
        try setup.scores(of: problem, [ConjugateGradient(tolerance: tolerance)]).first)
      #expect(scores.warnings.isEmpty)
      let certificate = try #require(scores.certificate)
      for query in 0..<problem.queryCount {
        let norm = certificate.queryNorms[query, 0]
        #expect(
          certificate.residualNorms[query, 0] <= tolerance * norm
            + block.residualTolerance(
              .conjugateGradient, residual: tolerance * norm, queryNorm: norm, setup.precision))
      }
    }
  }

  @Test("Steps that run out are reported, with the block", arguments: Setup.all)
  func outOfSteps(setup: Setup) throws {
    let problem = problem(26)
    let scores = try #require(
      try setup.scores(of: problem, [ConjugateGradient(tolerance: 1e-6, maximumSteps: 2)]).first)
    #expect(scores.warnings.count == 1)
    let warning = try #require(scores.warnings.first)
    #expect(warning.contains("layer.weight"))
    #expect(warning.contains("5 of 5"))
    #expect(warning.contains("2 steps"))
  }

  @Test("A query of zeros scores zero at once", arguments: Setup.all, Method.allCases)
  func zeroQuery(setup: Setup, method: Method) throws {
    var problem = problem(26)
    problem.blocks[0].queries[row: 2] = ArraySlice(repeating: 0, count: 26)
    let scores = try #require(
      try setup.scores(of: problem, [method.estimator(for: problem)]).first)
    #expect(scores.values[row: 2].allSatisfy { $0 == 0 })
    let certificate = try #require(scores.certificate)
    #expect(certificate.relativeResiduals[2] == 0)
    #expect(certificate.relativeResiduals(block: 0)[2] == 0)
    #expect(certificate.errorBound(query: 2, example: 0) == 0)
  }

  @Test("What no training gradient touches is solved from the outset", arguments: Setup.all)
  func outsideTheRange(setup: Setup) throws {
    var problem = problem(26)
    for row in 0..<18 { problem.blocks[0].gradients[row, 25] = 0 }
    problem.blocks[0].queries = .zeros(1, 26)
    problem.blocks[0].queries[0, 25] = 3
    let scores = try #require(
      try setup.scores(of: problem, [ConjugateGradient(tolerance: 0, maximumSteps: 1)]).first)
    #expect(scores.warnings.isEmpty)
    #expect(scores.values.elements.allSatisfy { $0 == 0 })
    // F·x is bounded as that of any x: γ·tr(F)·‖x‖ with x = v/λ, tr(F)/λ = 10·26 and γ of 18 rows,
    // and in double precision of 26 columns too.
    #expect(
      try #require(scores.certificate).relativeResiduals[0] <= 60 * (1 + 260) * setup.unit)
  }
}

@Suite("Conjugate gradient solver")
struct ConjugateGradientSolverTests {
  /// Solves A·x = r with the ordinary inner product.
  private func solve(
    _ matrix: Matrix<Double>, _ rows: Matrix<Double>, tolerance: Double = 0, steps: Int = 100
  ) -> ConjugateGradientSolver.Result {
    ConjugateGradientSolver(
      tolerances: [Double](repeating: tolerance, count: rows.rows), maximumSteps: steps
    ).solve(
      residual: rows, metric: { $0 }, image: { directions, _ in Naive.product(directions, matrix) })
  }

  private func diagonal(_ values: [Double]) -> Matrix<Double> {
    var matrix = Matrix<Double>.zeros(values.count, values.count)
    for (index, value) in values.enumerated() { matrix[index, index] = value }
    return matrix
  }

  @Test("Solves what is positive definite")
  func solves() throws {
    var generator = SeededGenerator(seed: 1)
    let condition = 50.0
    let matrix = Matrix<Double>.withSpectrum(
      (0..<12).map { 1 + (condition - 1) * Double($0) / 11 }, using: &generator)
    let rows = Matrix<Double>.normal(5, 12, using: &generator)
    let result = solve(matrix, rows, tolerance: 1e-12)
    #expect(result.endings.allSatisfy { $0 == .converged })
    #expect(result.residualNorms.allSatisfy { $0 <= 1e-12 })
    let expected = Naive.transpose(
      try #require(Naive.solve(matrix, Naive.transpose(rows))))
    // ‖x − x*‖ ≤ ‖r‖/s_min with s_min = 1, and the rounding of the recurrence: ulp(1) times condition.
    expectClose(
      result.solution, expected,
      bound: .absolute(1e-12 + Bound.constant * 12 * condition * .ulpOfOne * rows.largestRow))
  }

  @Test("Stops where curvature is not positive, and keeps what it has")
  func negativeCurvature() {
    let matrix = diagonal([2, -1])
    // Rows: an eigenvector of 2; one of −1; both, which meets −72 = ⟨p, Ap⟩ in its second step; zero.
    let rows = Matrix<Double>(rows: 4, columns: 2, elements: [1, 0, 0, 1, 1, 1, 0, 0])
    let result = solve(matrix, rows)
    #expect(
      result.endings == [
        .converged, .negativeCurvature(step: 0), .negativeCurvature(step: 1), .converged,
      ])
    #expect(result.solution.elements == [0.5, 0, 0, 0, 2, 2, 0, 0])
    #expect(result.steps == 2)
  }

  @Test("A singular direction has no curvature either")
  func zeroCurvature() {
    let result = solve(diagonal([0, 1]), Matrix(rows: 1, columns: 2, elements: [1, 0]))
    #expect(result.endings == [.negativeCurvature(step: 0)])
    #expect(result.solution.elements == [0, 0])
  }

  @Test("NaN ends a row and leaves the others alone")
  func notANumber() {
    let rows = Matrix<Double>(rows: 2, columns: 2, elements: [.nan, 0, 0, 3])
    let result = ConjugateGradientSolver(tolerances: [0, 0], maximumSteps: 10).solve(
      residual: rows, metric: { $0 },
      image: { directions, _ in directions.scaled(by: 3) })
    #expect(result.endings == [.negativeCurvature(step: 0), .converged])
    #expect(result.residualNorms[0].isNaN)
    #expect(result.solution[row: 1] == [0, 1])
  }

  @Test("Counts steps, and says which rows ran out of them")
  func outOfSteps() {
    let matrix = diagonal([1, 2, 3, 4])
    let rows = Matrix<Double>(rows: 2, columns: 4, elements: [0, 1, 0, 0, 1, 1, 1, 1])
    let result = solve(matrix, rows, steps: 2)
    #expect(result.endings == [.converged, .outOfSteps])
    #expect(result.steps == 2)
    #expect(result.solution[row: 0] == [0, 0.5, 0, 0])
    #expect(result.residualNorms[1] > 0)
  }

  @Test("Each row has its own tolerance")
  func tolerances() {
    let matrix = diagonal([1, 2, 3, 4])
    let row = [1.0, 1, 1, 1]
    let result = ConjugateGradientSolver(tolerances: [10, 0.5, 1e-9], maximumSteps: 10).solve(
      residual: Matrix(rows: 3, columns: 4, elements: row + row + row), metric: { $0 },
      image: { directions, _ in Naive.product(directions, matrix) })
    #expect(result.endings.allSatisfy { $0 == .converged })
    // The first was done before it began.
    #expect(result.solution[row: 0].allSatisfy { $0 == 0 })
    #expect(result.residualNorms[0] == 2)
    #expect(result.residualNorms[1] <= 0.5 && result.residualNorms[1] > 1e-9)
    #expect(result.residualNorms[2] <= 1e-9)
  }
}
