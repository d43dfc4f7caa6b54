import InfluenceKit
import TestSupport
import Testing

/// Scores that are divided by norms: cosine and RelatIF.
@Suite("Cosine and RelatIF")
struct NormalizedEstimatorTests {
  /// Σ over blocks of V·M·Gᵀ, of gᵢᵀMgᵢ and of ‖Mgᵢ‖², by d × d matrices.
  private func naive(
    _ problem: Problem, _ method: Method
  ) throws -> (scores: Matrix<Double>, selfInfluence: [Double], changes: [Double]) {
    var scores = Matrix<Double>.zeros(problem.queryCount, problem.exampleCount)
    var influence = [Double](repeating: 0, count: problem.exampleCount)
    var changes = influence
    for block in problem.naive {
      scores = Naive.sum(scores, try block.scores(method, scale: 1))
      let moved = try block.preconditioned(block.gradients, method, scale: 1)
      for (row, value) in block.scores(of: moved).diagonal.enumerated() { influence[row] += value }
      for (row, norm) in Naive.rowNorms(moved).enumerated() { changes[row] += norm * norm }
    }
    return (scores, influence, changes)
  }

  /// Error of the scores plus that of what they are divided by, relative to it.
  private func bound(
    _ problem: Problem, _ method: Method, _ setup: Setup, _ divided: Matrix<Double>
  )
    throws -> Bound
  {
    let condition = problem.naive.map(\.condition).max() ?? 1
    let rounding = problem.naive.map { $0.rounding(setup.precision) }.max() ?? 0
    return .absolute(8 * rounding * condition * Naive.largest(divided))
  }

  @Test("Cosine against both norms", arguments: Setup.all)
  func cosine(setup: Setup) throws {
    let problem = Problem.standard
    var expected = try naive(problem, .hessianFree).scores
    let norms = (0..<problem.exampleCount).map { row in
      problem.blocks.reduce(0) {
        $0 + NaiveBlock.dot(Array($1.gradients[row: row]), Array($1.gradients[row: row]))
      }
      .squareRoot()
    }
    for query in 0..<expected.rows {
      let norm = problem.blocks.reduce(0) {
        $0 + NaiveBlock.dot(Array($1.queries[row: query]), Array($1.queries[row: query]))
      }.squareRoot()
      for example in 0..<expected.columns { expected[query, example] /= norm * norms[example] }
    }
    let scores = try setup.scores(of: problem, [Cosine()])
    #expect(scores[0].certificate == nil)
    #expect(scores[0].values.elements.allSatisfy { abs($0) <= 1 + 8 * setup.unit })
    expectClose(
      scores[0].values, expected,
      bound: .absolute(8 * 60 * setup.unit))
    // Each example is its own best: of its self-influence nothing can be learnt.
    let own = try setup.selfInfluence(of: problem, Cosine())
    #expect(own.allSatisfy { abs($0 - 1) < 16 * setup.unit })
  }

  @Test("Scores do not change with the size of gradients", arguments: Setup.all)
  func scaleFree(setup: Setup) throws {
    let problem = Problem.standard
    let scaled = problem.mapping { block in
      Problem.Block(
        name: block.name, shape: block.shape, gradients: block.gradients.scaled(by: 4),
        queries: block.queries.scaled(by: 0.5))
    }
    expectClose(
      try setup.scores(of: scaled, Cosine()), try setup.scores(of: problem, Cosine()),
      bound: .absolute(64 * setup.unit))
  }

  @Test("A dead block of the training gradients counts in a query's norm", arguments: Setup.all)
  func deadBlock(setup: Setup) throws {
    var problem = Problem.standard
    problem.blocks[1].gradients = .zeros(problem.exampleCount, 10)
    problem.blocks[1].queries = Matrix(repeating: 100, rows: problem.queryCount, columns: 10)
    let scores = try setup.scores(of: problem, Cosine())
    let norm = problem.blocks.reduce(0) {
      $0 + NaiveBlock.dot(Array($1.queries[row: 0]), Array($1.queries[row: 0]))
    }.squareRoot()
    let example = problem.blocks.reduce(0) {
      $0 + NaiveBlock.dot(Array($1.gradients[row: 0]), Array($1.gradients[row: 0]))
    }.squareRoot()
    let product = problem.blocks.reduce(0) {
      $0 + NaiveBlock.dot(Array($1.queries[row: 0]), Array($1.gradients[row: 0]))
    }
    #expect(abs(scores[0, 0] - product / (norm * example)) < 64 * setup.unit)
  }

  @Test(
    "RelatIF against d × d matrices", arguments: Setup.all,
    [Method.exact, .dataInf, .hessianFree, .blockNormalized])
  func relative(setup: Setup, method: Method) throws {
    let problem = Problem.standard
    let base = method.estimator(for: problem)
    let (scores, influence, changes) = try naive(problem, method)
    let methods: [(any Estimator, [Double])] = [
      (RelatIFLoss(base: base), influence), (RelatIFTheta(base: base), changes),
    ]
    for (estimator, squares) in methods {
      var expected = scores
      for example in 0..<expected.columns {
        for query in 0..<expected.rows { expected[query, example] /= squares[example].squareRoot() }
      }
      expectClose(
        try setup.scores(of: problem, estimator), expected,
        bound: try bound(problem, method, setup, expected))
      let own = try setup.selfInfluence(of: problem, estimator)
      let expectedOwn = zip(influence, squares).map { $0 / $1.squareRoot() }
      expectClose(
        own, expectedOwn,
        bound: try bound(
          problem, method, setup,
          Matrix(rows: 1, columns: expectedOwn.count, elements: expectedOwn)))
    }
  }

  @Test(
    "Any method between gradients of unit length", arguments: Setup.all, [Method.exact, .dataInf])
  func unit(setup: Setup, method: Method) throws {
    let problem = Problem.standard
    func norms(_ rows: KeyPath<Problem.Block, Matrix<Double>>, _ count: Int) -> [Double] {
      (0..<count).map { row in
        problem.blocks.reduce(0) { sum, block in
          let values = Array(block[keyPath: rows][row: row])
          return sum + NaiveBlock.dot(values, values)
        }.squareRoot()
      }
    }
    let (queries, examples) = (
      norms(\.queries, problem.queryCount), norms(\.gradients, problem.exampleCount)
    )
    let (scores, influence, _) = try naive(problem, method)
    var expected = scores
    for query in queries.indices {
      for example in examples.indices {
        expected[query, example] /= queries[query] * examples[example]
      }
    }
    let estimator = UnitNormalized(base: method.estimator(for: problem))
    expectClose(
      try setup.scores(of: problem, estimator), expected,
      bound: try bound(problem, method, setup, expected))
    let own = zip(influence, examples).map { $0 / ($1 * $1) }
    expectClose(
      try setup.selfInfluence(of: problem, estimator), own,
      bound: try bound(
        problem, method, setup, Matrix(rows: 1, columns: own.count, elements: own)))
  }

  @Test("The inner product of gradients of unit length is their cosine", arguments: Setup.all)
  func unitIsCosine(setup: Setup) throws {
    let estimator = UnitNormalized(base: HessianFree())
    #expect(
      try setup.scores(of: .standard, estimator).elements
        == setup.scores(of: .standard, Cosine()).elements)
  }

  @Test("Both constraints agree with the formula where M is a multiple of the identity")
  func identity() throws {
    // M = I: √(gᵀg) and ‖g‖ are the same.
    let setup = Setup(precision: .double, side: .score)
    let loss = try setup.scores(of: .standard, RelatIFLoss(base: HessianFree()))
    let parameters = try setup.scores(of: .standard, RelatIFTheta(base: HessianFree()))
    expectClose(loss, parameters, bound: .relative(1e-12))
  }

  @Test("Examples without a gradient score zero, and are named", arguments: Setup.all)
  func zeroRows(setup: Setup) throws {
    let problem = Problem.standard.mapping { block in
      var block = block
      for column in 0..<block.gradients.columns { block.gradients[2, column] = 0 }
      return block
    }
    for estimator in [Cosine(), UnitNormalized(), RelatIFLoss(), RelatIFTheta()] as [any Estimator]
    {
      let scores = try setup.scores(of: problem, [estimator])[0]
      #expect((0..<problem.queryCount).allSatisfy { scores.values[$0, 2] == 0 })
      #expect(scores.warnings.contains { $0.contains("rows 2") })
      #expect(try setup.selfInfluence(of: problem, estimator)[2] == 0)
    }
  }

  @Test("Settings")
  func settings() throws {
    #expect(
      try EstimatorCatalog.estimator("relatif-l:base=datainf").settings == ["base": "datainf"])
    #expect(try EstimatorCatalog.estimator("relatif-theta").settings.isEmpty)
    #expect(throws: InfluenceError.self) { try EstimatorCatalog.estimator("relatif-l:base=cosine") }
    #expect(throws: InfluenceError.self) { try EstimatorCatalog.estimator("relatif-l:base=none") }
    #expect(try EstimatorCatalog.estimator("unit:base=ekfac").settings == ["base": "ekfac"])
    #expect(throws: InfluenceError.self) { try EstimatorCatalog.estimator("unit:base=relatif-l") }
    #expect(!Cosine().canBeKept && !RelatIFLoss().canBeKept && ExactFisher().canBeKept)
  }
}
