import InfluenceKit
import TestSupport
import Testing

/// Methods that see the curvature within a subspace: Arnoldi and Nyström.
@Suite("Arnoldi and Nyström")
struct SubspaceEstimatorTests {
  /// Bᵀ(T + λI)⁻¹B + β(I − BᵀB), T = BFBᵀ, with orthonormal rows of B, as a d × d matrix.
  private func operatorMatrix(
    _ block: NaiveBlock, basis: Matrix<Double>, complement: Bool
  ) throws -> Matrix<Double> {
    let turned = Naive.transpose(basis)
    var small = Naive.product(Naive.product(basis, block.fisher), turned)
    for index in 0..<small.rows { small[index, index] += block.lambda }
    let inverse = try #require(Naive.inverse(small))
    let inside = Naive.product(Naive.product(turned, inverse), basis)
    guard complement else { return inside }
    let projection = Naive.product(turned, basis)
    let outside = Naive.sum(Matrix<Double>.identity(block.width), projection, scale: -1)
    return Naive.sum(inside, outside.scaled(by: 1 / block.lambda))
  }

  /// Rows made orthonormal one after the other, twice.
  private func orthonormal(_ rows: [[Double]]) -> Matrix<Double> {
    var kept: [[Double]] = []
    for row in rows {
      var row = row
      let size = NaiveBlock.dot(row, row).squareRoot()
      for _ in 0..<2 {
        for other in kept {
          let share = NaiveBlock.dot(row, other)
          row = zip(row, other).map { $0 - share * $1 }
        }
      }
      let norm = NaiveBlock.dot(row, row).squareRoot()
      guard norm > 1e-9 * size else { continue }
      kept.append(row.map { $0 / norm })
    }
    return Matrix(rows: kept.count, columns: rows[0].count, elements: kept.flatMap { $0 })
  }

  /// Fb, F²b, … of the start that both sides take, as orthonormal rows.
  private func krylov(_ block: NaiveBlock, seed: UInt64, steps: Int) -> Matrix<Double> {
    var generator = SeededGenerator(seed: seed, stream: 0x6172)
    let b = Matrix<Double>.normal(1, block.exampleCount, using: &generator)
    var rows: [[Double]] = [
      Naive.product(Naive.product(b, block.gradients), block.fisher).elements
    ]
    for _ in 1..<steps {
      let basis = orthonormal(rows)
      let last = basis.rows([basis.rows - 1])
      rows.append(Naive.product(last, block.fisher).elements)
    }
    return orthonormal(rows)
  }

  private func check(
    _ problem: Problem, _ estimator: any Estimator, _ setup: Setup, relative: Double,
    _ matrices: [Matrix<Double>]
  ) throws {
    var scores = Matrix<Double>.zeros(problem.queryCount, problem.exampleCount)
    var own = [Double](repeating: 0, count: problem.exampleCount)
    for (block, matrix) in zip(problem.naive, matrices) {
      scores = Naive.sum(scores, block.scores(of: Naive.product(block.queries, matrix)))
      let values = block.scores(of: Naive.product(block.gradients, matrix)).diagonal
      own = zip(own, values).map { $0 + $1 }
    }
    expectClose(
      try setup.scores(of: problem, estimator), scores, bound: .relative(relative))
    expectClose(
      try setup.selfInfluence(of: problem, estimator), own, bound: .relative(relative))
  }

  /// A Krylov space is found the same in d parameters, in n examples and by plain Gram–Schmidt; the
  /// directions of small eigenvalues are ill-determined, hence five steps, and a margin over rounding.
  @Test(
    "Arnoldi on both sides against explicit Krylov spaces", arguments: Setup.inDouble,
    [true, false])
  func arnoldi(setup: Setup, complement: Bool) throws {
    let problem = Problem.standard
    let matrices = try problem.naive.map { block in
      try operatorMatrix(
        block, basis: krylov(block, seed: 7, steps: 5), complement: complement)
    }
    try check(
      problem, Arnoldi(rank: 5, steps: 5, keepsComplement: complement, seed: 7), setup,
      relative: 1e-8, matrices)
  }

  @Test("Of many steps the largest eigenvalues are kept", arguments: Setup.inDouble)
  func leading(setup: Setup) throws {
    // 24 rows in 36 and 24 columns, and all ten of the third: the Krylov space is all there is.
    let problem = Problem.standard.separated[0]
    let block = problem.naive[0]
    let decomposition = Naive.eigendecomposition(block.fisher)
    let vectors = decomposition.vectors
    let order = decomposition.values.indices.sorted {
      decomposition.values[$0] > decomposition.values[$1]
    }
    let leading = vectors.rows(Array(order.prefix(3)))
    try check(
      problem, Arnoldi(rank: 3, steps: 24), setup, relative: 1e-8,
      [try operatorMatrix(block, basis: leading, complement: true)])
  }

  @Test("With every direction Arnoldi is exact", arguments: Setup.inDouble)
  func allDirections(setup: Setup) throws {
    let problem = Problem.standard
    let exact = try setup.scores(of: problem, ExactFisher())
    // More directions than there are: the space ends by itself.
    expectClose(
      try setup.scores(of: problem, Arnoldi(rank: 36, steps: 40)), exact, bound: .relative(1e-7))
  }

  /// Lanczos without re-orthogonalisation finds a dominant eigenvalue several times over, which spoils
  /// all scores that divide by it.
  @Test("A dominant direction does not come back", arguments: Setup.inDouble)
  func ghosts(setup: Setup) throws {
    let problem = Problem(blocks: [
      .random("spike", shape: [40], rows: 60, .spike, scale: 1, seed: 12)
    ])
    let exact = try setup.scores(of: problem, ExactFisher())
    expectClose(
      try setup.scores(of: problem, Arnoldi(rank: 40, steps: 40)), exact, bound: .relative(1e-6))
  }

  /// With fewer positive eigenvalues than asked for, roots of the others would be NaN.
  @Test("A space that ends early is used as it is, and said to", arguments: Setup.all)
  func exhausted(setup: Setup) throws {
    var generator = SeededGenerator(seed: 3, stream: 4)
    let gradients = Naive.product(
      Matrix<Double>.smallIntegers(20, 2, using: &generator),
      Matrix<Double>.smallIntegers(2, 15, using: &generator))
    let problem = Problem(
      gradients: gradients, queries: .normal(3, 15, using: &generator))
    let scores = try setup.scores(of: problem, [Arnoldi(rank: 10)])[0]
    let isFinite = scores.values.elements.allSatisfy { $0.isFinite }
    #expect(isFinite)
    #expect(scores.warnings.contains { $0.contains("ends after 2 directions") })
    let exact = try setup.scores(of: problem, ExactFisher())
    let condition = problem.naive[0].condition
    expectClose(scores.values, exact, bound: .relative(64 * condition * setup.unit))
  }

  @Test("Nyström on both sides against explicit projections", arguments: Setup.inDouble)
  func nystrom(setup: Setup) throws {
    let problem = Problem.standard
    let estimator = Nystrom(landmarks: 6, seed: 3)
    let rows = estimator.rows(of: problem.exampleCount)
    #expect(rows.count == 6 && Set(rows).count == 6 && rows == rows.sorted())
    let matrices = try problem.naive.map { block in
      let basis = orthonormal(rows.map { Array(block.gradients[row: $0]) })
      return try operatorMatrix(block, basis: basis, complement: true)
    }
    try check(problem, estimator, setup, relative: 1e-8, matrices)
  }

  @Test("With every example as landmark Nyström is exact", arguments: Setup.inDouble)
  func allLandmarks(setup: Setup) throws {
    for block in Problem.standard.separated {
      expectClose(
        try setup.scores(of: block, Nystrom(landmarks: 1000)),
        try setup.scores(of: block, ExactFisher()), bound: .relative(1e-6))
    }
  }

  @Test("Curvature that is seen lowers self-influence from that of flat curvature")
  func ordered() throws {
    let setup = Setup(precision: .double, side: .score)
    let problem = Problem.standard.separated[0]
    let flat = try setup.selfInfluence(of: problem, BlockNormalized())
    for estimator in [Nystrom(landmarks: 5), Arnoldi(rank: 5)] as [any Estimator] {
      let between = try setup.selfInfluence(of: problem, estimator)
      for row in between.indices {
        #expect(between[row] <= flat[row] * (1 + 1e-12))
        #expect(between[row] > 0)
      }
    }
  }

  @Test("In single precision the subspace differs, the operator is sound", arguments: Setup.all)
  func single(setup: Setup) throws {
    let problem = Problem.standard
    let scores = try setup.scores(of: problem, [Arnoldi(rank: 4), Nystrom(landmarks: 4)])
    for answer in scores {
      let certificate = try #require(answer.certificate)
      #expect(certificate.relativeResiduals.allSatisfy { $0.isFinite && $0 > 0 })
    }
  }

  @Test("Settings")
  func settings() throws {
    #expect(
      try EstimatorCatalog.estimator("arnoldi:rank=3,complement=false,seed=9").settings
        == ["rank": "3", "steps": "6", "complement": "false", "seed": "9"])
    #expect(
      try EstimatorCatalog.estimator("nystrom:landmarks=3").settings
        == ["landmarks": "3", "seed": "0"])
    for bad in [
      "arnoldi:rank=0", "arnoldi:rank=4,steps=3", "arnoldi:complement=perhaps",
      "nystrom:landmarks=0", "nystrom:rank=4",
    ] {
      #expect(throws: InfluenceError.self) { try EstimatorCatalog.estimator(bad) }
    }
  }
}
