import InfluenceKit
import TestSupport
import Testing

/// Methods whose curvature depends on the parameters' coordinates: diagonal, Shampoo and its correction.
@Suite("Diagonal and Shampoo")
struct ShampooTests {
  private static func estimator(_ isCorrected: Bool) -> any Estimator {
    isCorrected ? CorrectedShampoo() : Shampoo()
  }

  private static let queryOnly = CurvatureOptions.Precision.allCases.map {
    Setup(precision: $0, side: .query)
  }

  /// L ⊗ R/tr L and Λ in its eigenbasis, of one block, as d × d matrices.
  private func matrices(
    _ block: Problem.Block
  ) -> (
    shampoo: Matrix<Double>, corrected: Matrix<Double>, basis: Matrix<Double>, moments: [Double]
  ) {
    let q = block.shape[0]
    let p = block.shape.count == 2 ? block.shape[1] : 1
    let n = Double(block.gradients.rows)
    var left = Matrix<Double>.zeros(q, q)
    var right = Matrix<Double>.zeros(p, p)
    for row in 0..<block.gradients.rows {
      let g = Matrix(rows: q, columns: p, elements: Array(block.gradients[row: row]))
      left = Naive.sum(left, Naive.product(g, Naive.transpose(g)).scaled(by: 1 / n))
      right = Naive.sum(right, Naive.product(Naive.transpose(g), g).scaled(by: 1 / n))
    }
    let trace = left.diagonal.reduce(0, +)
    let (l, r) = (Naive.eigendecomposition(left), Naive.eigendecomposition(right))
    var kronecker = Matrix<Double>.zeros(q * p, q * p)
    var basis = kronecker
    for i in 0..<q {
      for j in 0..<p {
        for k in 0..<q {
          for m in 0..<p {
            kronecker[i * p + j, k * p + m] = left[i, k] * right[j, m] / trace
            basis[i * p + j, k * p + m] = l.vectors[i, k] * r.vectors[j, m]
          }
        }
      }
    }
    let coordinates = Naive.product(block.gradients, Naive.transpose(basis))
    let moments = (0..<q * p).map { column in
      (0..<coordinates.rows).reduce(0) { $0 + coordinates[$1, column] * coordinates[$1, column] }
        / n
    }
    var scaled = basis
    for row in 0..<q * p {
      for column in 0..<q * p { scaled[row, column] *= moments[row] }
    }
    return (kronecker, Naive.product(Naive.transpose(basis), scaled), basis, moments)
  }

  private func expected(
    _ problem: Problem, _ setup: Setup, _ fisher: (Problem.Block, NaiveBlock) -> Matrix<Double>
  ) throws -> (scores: Matrix<Double>, own: [Double], bound: Bound) {
    var scores = Matrix<Double>.zeros(problem.queryCount, problem.exampleCount)
    var own = [Double](repeating: 0, count: problem.exampleCount)
    var tolerance = 0.0
    for (block, naive) in zip(problem.blocks, problem.naive) {
      var shifted = fisher(block, naive)
      for index in 0..<shifted.rows { shifted[index, index] += naive.lambda }
      let inverse = try #require(Naive.inverse(shifted))
      scores = Naive.sum(scores, naive.scores(of: Naive.product(naive.queries, inverse)))
      let values = naive.scores(of: Naive.product(naive.gradients, inverse)).diagonal
      own = zip(own, values).map { $0 + $1 }
      tolerance +=
        8 * naive.rounding(setup.precision) * (1 + naive.condition) / naive.lambda
        * max(naive.queries.largestRow, naive.gradients.largestRow) * naive.gradients.largestRow
    }
    return (scores, own, .absolute(tolerance))
  }

  @Test("Diagonal against the diagonal of F", arguments: queryOnly)
  func diagonal(setup: Setup) throws {
    let problem = Problem.standard
    let wanted = try expected(problem, setup) { _, naive in
      var matrix = Matrix<Double>.zeros(naive.width, naive.width)
      for index in 0..<naive.width { matrix[index, index] = naive.fisher[index, index] }
      return matrix
    }
    expectClose(
      try setup.scores(of: problem, DiagonalFisher()), wanted.scores, bound: wanted.bound)
    expectClose(
      try setup.selfInfluence(of: problem, DiagonalFisher()), wanted.own, bound: wanted.bound)
  }

  @Test("Shampoo and its correction against d × d matrices", arguments: queryOnly, [false, true])
  func shampoo(setup: Setup, corrected: Bool) throws {
    let problem = Problem.standard
    let wanted = try expected(problem, setup) { block, _ in
      let matrices = matrices(block)
      return corrected ? matrices.corrected : matrices.shampoo
    }
    let estimator = Self.estimator(corrected)
    expectClose(try setup.scores(of: problem, estimator), wanted.scores, bound: wanted.bound)
    expectClose(try setup.selfInfluence(of: problem, estimator), wanted.own, bound: wanted.bound)
  }

  @Test("Both keep the trace of F, and the correction is nearest to F", arguments: [0, 2])
  func optimality(index: Int) {
    let block = Problem.standard.blocks[index]
    let fisher = NaiveBlock(block).fisher
    let trace = fisher.diagonal.reduce(0, +)
    let matrices = matrices(block)
    #expect(abs(matrices.shampoo.diagonal.reduce(0, +) - trace) < 1e-12 * trace)
    #expect(abs(matrices.moments.reduce(0, +) - trace) < 1e-12 * trace)
    func distance(_ matrix: Matrix<Double>) -> Double {
      Naive.sum(matrix, fisher, scale: -1).frobenius
    }
    #expect(distance(matrices.corrected) < distance(matrices.shampoo))
    #expect(distance(matrices.corrected) < distance(matrices.corrected.scaled(by: 1.01)))
  }

  /// Of a vector-shaped block both factors are F and 1: nothing is approximated.
  @Test("Of a vector Shampoo is exact", arguments: queryOnly, [false, true])
  func vector(setup: Setup, corrected: Bool) throws {
    let problem = Problem.standard.separated[1]
    let condition = problem.naive[0].condition
    expectClose(
      try setup.scores(of: problem, Self.estimator(corrected)),
      try setup.scores(of: problem, ExactFisher()),
      bound: .relative(64 * condition * setup.unit))
  }

  @Test("A rotation of the parameters changes diagonal, one of rows or columns not Shampoo")
  func rotations() throws {
    let setup = Setup(precision: .double, side: .query)
    let problem = Problem.standard.separated[2]
    var generator = SeededGenerator(seed: 8, stream: 1)
    let rows = Matrix<Double>.randomOrthogonal(3, using: &generator)
    let columns = Matrix<Double>.randomOrthogonal(8, using: &generator)
    func turn(_ matrix: Matrix<Double>) -> Matrix<Double> {
      var result = matrix
      for row in 0..<matrix.rows {
        let g = Matrix(rows: 3, columns: 8, elements: Array(matrix[row: row]))
        result[row: row] = Naive.product(Naive.product(rows, g), columns).elements[...]
      }
      return result
    }
    let turned = problem.mapping {
      Problem.Block(
        name: $0.name, shape: $0.shape, gradients: turn($0.gradients), queries: turn($0.queries))
    }
    for corrected in [false, true] {
      expectClose(
        try setup.scores(of: turned, Self.estimator(corrected)),
        try setup.scores(of: problem, Self.estimator(corrected)),
        bound: .relative(1e-9))
    }
    let before = try setup.scores(of: problem, DiagonalFisher())
    let after = try setup.scores(of: turned, DiagonalFisher())
    #expect(Naive.sum(after, before, scale: -1).frobenius > 1e-3 * before.frobenius)
  }

  @Test("Duplicates change nothing", arguments: ["diagonal", "shampoo", "eshampoo"])
  func duplicates(method: String) throws {
    let setup = Setup(precision: .double, side: .query)
    let problem = Problem.standard
    let twice = problem.mapping { block in
      Problem.Block(
        name: block.name, shape: block.shape,
        gradients: Matrix(
          rows: 48, columns: block.gradients.columns,
          elements: block.gradients.elements + block.gradients.elements),
        queries: block.queries)
    }
    let estimator = try EstimatorCatalog.estimator(method)
    let once = try setup.scores(of: problem, estimator)
    let both = try setup.scores(of: twice, estimator)
    var half = Matrix<Double>.zeros(once.rows, once.columns)
    for row in 0..<once.rows {
      for column in 0..<once.columns { half[row, column] = both[row, column] }
    }
    expectClose(half, once, bound: .relative(1e-9))
  }

  @Test("Blocks that are no matrices are refused by name")
  func shapes() throws {
    var problem = Problem.standard
    problem.blocks[0].shape = [2, 2, 9]
    let setup = Setup(precision: .double, side: .query)
    let error = #expect(throws: GradientStoreError.self) {
      try setup.scores(of: problem, Shampoo())
    }
    #expect("\(try #require(error))".contains("a.weight"))
  }
}
