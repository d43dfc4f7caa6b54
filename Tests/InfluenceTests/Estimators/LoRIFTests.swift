import InfluenceKit
import TestSupport
import Testing

/// The leading eigenvectors of F from random directions.
@Suite("LoRIF")
struct LoRIFTests {
  /// Rows made orthonormal one after the other, twice.
  private func orthonormal(_ rows: Matrix<Double>) -> Matrix<Double> {
    var kept: [[Double]] = []
    for index in 0..<rows.rows {
      var row = Array(rows[row: index])
      for _ in 0..<2 {
        for other in kept {
          let share = NaiveBlock.dot(row, other)
          row = zip(row, other).map { $0 - share * $1 }
        }
      }
      let norm = NaiveBlock.dot(row, row).squareRoot()
      kept.append(row.map { $0 / norm })
    }
    return Matrix(rows: rows.rows, columns: rows.columns, elements: kept.flatMap { $0 })
  }

  /// (1/λ)·(I − Σ σ²/(σ² + λ)·v·vᵀ) over the largest r eigenpairs of F within the span of orthonormal rows.
  private func operatorMatrix(_ block: NaiveBlock, span: Matrix<Double>, rank: Int) -> Matrix<
    Double
  > {
    let small = Naive.product(Naive.product(span, block.fisher), Naive.transpose(span))
    let pairs = Naive.eigendecomposition(small)
    let largest = pairs.values.indices.sorted { pairs.values[$0] > pairs.values[$1] }.prefix(rank)
    var matrix = Matrix<Double>.identity(block.width)
    for place in largest {
      let v = Naive.product(pairs.vectors.rows([place]), span).elements
      let share = pairs.values[place] / (pairs.values[place] + block.lambda)
      for i in v.indices { for j in v.indices { matrix[i, j] -= share * v[i] * v[j] } }
    }
    return matrix.scaled(by: 1 / block.lambda)
  }

  /// The span that the method looks in, by its definition.
  private func span(_ block: NaiveBlock, _ estimator: LoRIF) -> Matrix<Double> {
    let directions = min(
      estimator.rank + estimator.oversampling, min(block.exampleCount, block.width))
    var generator = SeededGenerator(seed: estimator.seed, stream: 0x6c6f)
    var rows = Naive.product(
      Matrix<Double>.normal(directions, block.exampleCount, using: &generator), block.gradients)
    for _ in 0..<estimator.power { rows = Naive.product(orthonormal(rows), block.fisher) }
    return orthonormal(rows)
  }

  private func check(
    _ problem: Problem, _ estimator: LoRIF, _ setup: Setup, bound: Bound,
    _ matrices: [Matrix<Double>]
  ) throws {
    var scores = Matrix<Double>.zeros(problem.queryCount, problem.exampleCount)
    var own = [Double](repeating: 0, count: problem.exampleCount)
    for (block, matrix) in zip(problem.naive, matrices) {
      scores = Naive.sum(scores, block.scores(of: Naive.product(block.queries, matrix)))
      let values = block.scores(of: Naive.product(block.gradients, matrix)).diagonal
      own = zip(own, values).map { $0 + $1 }
    }
    expectClose(try setup.scores(of: problem, estimator), scores, bound: bound)
    expectClose(try setup.selfInfluence(of: problem, estimator), own, bound: bound)
  }

  /// After few products the span is the same to nearly all digits, however it is computed.
  @Test(
    "Scores and self-influence by d × d matrices within the same span",
    arguments: Setup.inDouble, [0, 1, 2])
  func naive(setup: Setup, power: Int) throws {
    let problem = Problem.standard
    let estimator = LoRIF(rank: 4, oversampling: 2, power: power, seed: 5)
    let matrices = problem.naive.map { operatorMatrix($0, span: span($0, estimator), rank: 4) }
    try check(problem, estimator, setup, bound: .relative(1e-8), matrices)
  }

  /// Three directions stand out by more than ten times, so that three products leave 10⁻⁶ of them at most.
  @Test("Directions that stand out are found by the published settings", arguments: Setup.all)
  func leading(setup: Setup) throws {
    let problem = Problem(blocks: [
      .random("low", shape: [60], rows: 80, .lowRank, scale: 1, seed: 21)
    ])
    let block = problem.naive[0]
    let matrix = operatorMatrix(block, span: .identity(block.width), rank: 3)
    let rounding = 64 * block.condition * setup.unit
    try check(problem, LoRIF(rank: 3), setup, bound: .relative(max(1e-6, rounding)), [matrix])
  }

  @Test("With as many directions as there are it is exact", arguments: Setup.inDouble)
  func exact(setup: Setup) throws {
    let problem = Problem.standard
    let exact = try setup.scores(of: problem, ExactFisher())
    expectClose(try setup.scores(of: problem, LoRIF()), exact, bound: .relative(1e-8))
    // Twenty rows of rank two: two directions and one to spare.
    var generator = SeededGenerator(seed: 3, stream: 4)
    let gradients = Naive.product(
      Matrix<Double>.smallIntegers(20, 2, using: &generator),
      Matrix<Double>.smallIntegers(2, 15, using: &generator))
    let low = Problem(gradients: gradients, queries: .normal(3, 15, using: &generator))
    expectClose(
      try setup.scores(of: low, LoRIF(rank: 2, oversampling: 1)),
      try setup.scores(of: low, ExactFisher()), bound: .relative(1e-9))
  }

  @Test("Without directions it is block-normalized", arguments: Setup.all)
  func none(setup: Setup) throws {
    let problem = Problem.standard
    expectClose(
      try setup.scores(of: problem, LoRIF(rank: 0)),
      try setup.scores(of: problem, BlockNormalized()), bound: .absolute(0))
    expectClose(
      try setup.selfInfluence(of: problem, LoRIF(rank: 0)),
      try setup.selfInfluence(of: problem, BlockNormalized()), bound: .absolute(0))
  }

  @Test(
    "The first eigenvalue that is left out bounds the error", arguments: Setup.inDouble,
    [1, 3, 8])
  func bounded(setup: Setup, rank: Int) throws {
    for problem in Problem.standard.separated {
      let block = problem.naive[0]
      let values = Naive.eigendecomposition(block.fisher).values.sorted(by: >)
      let missed = 1 / block.lambda - 1 / (max(0, values[rank]) + block.lambda)
      let scores = try setup.scores(of: problem, LoRIF(rank: rank, oversampling: 40))
      let exact = try setup.scores(of: problem, ExactFisher())
      for row in 0..<scores.rows {
        for column in 0..<scores.columns {
          let size =
            Naive.norm(Array(block.queries[row: row]))
            * Naive.norm(Array(block.gradients[row: column]))
          #expect(abs(scores[row, column] - exact[row, column]) <= (missed + 1e-9) * size)
        }
      }
    }
  }

  /// A Gram matrix of directions multiplied with F shows those whose eigenvalue is 10⁻⁸ of the largest.
  ///
  /// The others must not count as flat. K has such eigenvalues to few digits, whatever is made of it.
  @Test("Eigenvalues of ten decades are kept apart by passes")
  func decades() throws {
    let setup = Setup(precision: .double, side: .query)
    var generator = SeededGenerator(seed: 8, stream: 9)
    var gradients = Matrix<Double>.normal(60, 20, using: &generator)
    gradients.scaleColumns(by: (0..<20).map { scale($0) })
    let problem = Problem(
      gradients: gradients, queries: .normal(3, 20, using: &generator),
      damping: .absolute(1e-11))
    let exact = try setup.scores(of: problem, ExactFisher())
    let condition = problem.naive[0].condition
    expectClose(
      try setup.scores(of: problem, LoRIF(rank: 20)), exact,
      bound: .relative(64 * condition * setup.unit))
    // One further direction leaves no room, so that products with F are taken.
    let few = try setup.scores(of: problem, LoRIF(rank: 18, oversampling: 1, power: 3))
    let flat = try setup.scores(of: problem, LoRIF(rank: 12, oversampling: 1, power: 3))
    #expect(Naive.sum(few, exact, scale: -1).largest < Naive.sum(flat, exact, scale: -1).largest)
  }

  /// 10⁰ to 10⁻⁵, of a gradient.
  private func scale(_ column: Int) -> Double {
    (0..<column).reduce(1) { value, _ in value * 0.545 }
  }

  @Test("Settings")
  func settings() throws {
    #expect(
      try EstimatorCatalog.estimator("lorif:rank=3,seed=9").settings
        == ["rank": "3", "oversampling": "10", "power": "3", "seed": "9"])
    for bad in ["lorif:rank=-1", "lorif:power=-2", "lorif:oversampling=x", "lorif:landmarks=3"] {
      #expect(throws: InfluenceError.self) { try EstimatorCatalog.estimator(bad) }
    }
  }
}
