import InfluenceKit
import TestSupport
import Testing

/// The second moment of one side of each block, against d × d matrices.
@Suite("HyperINF")
struct HyperINFTests {
  private static let queryOnly = CurvatureOptions.Precision.allCases.map {
    Setup(precision: $0, side: .query)
  }

  /// I ⊗ R or L ⊗ I of one block.
  private func curvature(_ block: Problem.Block, _ moment: HyperINF.Moment) -> Matrix<Double> {
    let q = block.shape[0]
    let p = block.shape.count == 2 ? block.shape[1] : 1
    let n = Double(block.gradients.rows)
    var result = Matrix<Double>.zeros(q * p, q * p)
    for row in 0..<block.gradients.rows {
      let g = Array(block.gradients[row: row])
      for i in 0..<q {
        for j in 0..<p {
          for k in 0..<q {
            for l in 0..<p {
              // Columns: Σ over rows m of g[m, j]·g[m, l] where i = k, and the other way round.
              switch moment {
              case .columns where i == k:
                for m in 0..<q { result[i * p + j, k * p + l] += g[m * p + j] * g[m * p + l] / n }
              case .rows where j == l:
                for m in 0..<p { result[i * p + j, k * p + l] += g[i * p + m] * g[k * p + m] / n }
              default: break
              }
            }
          }
        }
      }
    }
    return result
  }

  @Test(
    "Scores and self-influence by d × d matrices", arguments: queryOnly, HyperINF.Moment.allCases)
  func naive(setup: Setup, moment: HyperINF.Moment) throws {
    let problem = Problem.standard
    var scores = Matrix<Double>.zeros(problem.queryCount, problem.exampleCount)
    var own = [Double](repeating: 0, count: problem.exampleCount)
    var tolerance = 0.0
    for (block, naive) in zip(problem.blocks, problem.naive) {
      var shifted = curvature(block, moment)
      // The trace is that of F, times the order of the identity.
      let size = shifted.frobenius
      for index in 0..<shifted.rows { shifted[index, index] += naive.lambda }
      let inverse = try #require(Naive.inverse(shifted))
      scores = Naive.sum(scores, naive.scores(of: Naive.product(naive.queries, inverse)))
      let values = naive.scores(of: Naive.product(naive.gradients, inverse)).diagonal
      own = zip(own, values).map { $0 + $1 }
      tolerance +=
        8 * naive.rounding(setup.precision) * (1 + size / naive.lambda) / naive.lambda
        * max(naive.queries.largestRow, naive.gradients.largestRow) * naive.gradients.largestRow
    }
    let estimator = HyperINF(moment: moment)
    expectClose(
      try setup.scores(of: problem, estimator), scores, bound: .absolute(tolerance))
    expectClose(
      try setup.selfInfluence(of: problem, estimator), own, bound: .absolute(tolerance))
  }

  /// L of a vector is F, and R of one is ‖g‖² on average, a number.
  @Test("Of a vector it is exact by rows, and a multiple of the inner product by columns")
  func vector() throws {
    let setup = Setup(precision: .double, side: .query)
    let problem = Problem.standard.separated[1]
    let naive = problem.naive[0]
    expectClose(
      try setup.scores(of: problem, HyperINF(moment: .rows)),
      try setup.scores(of: problem, ExactFisher()), bound: .relative(64 * naive.condition * 0x1p-52)
    )
    let trace = naive.fisher.diagonal.reduce(0, +)
    expectClose(
      try setup.scores(of: problem, HyperINF()),
      try setup.scores(of: problem, HessianFree()).scaled(by: 1 / (trace + naive.lambda)),
      bound: .relative(1e-12))
  }

  @Test("A rotation of the other side changes nothing", arguments: HyperINF.Moment.allCases)
  func rotation(moment: HyperINF.Moment) throws {
    let setup = Setup(precision: .double, side: .query)
    let problem = Problem.standard.separated[2]
    var generator = SeededGenerator(seed: 8, stream: 2)
    let turn = Matrix<Double>.randomOrthogonal(moment == .columns ? 3 : 8, using: &generator)
    let turned = problem.mapping { block in
      func turned(_ rows: Matrix<Double>) -> Matrix<Double> {
        var rows = rows
        for row in 0..<rows.rows {
          let g = Matrix(rows: 3, columns: 8, elements: Array(rows[row: row]))
          let image = moment == .columns ? Naive.product(turn, g) : Naive.product(g, turn)
          rows[row: row] = image.elements[...]
        }
        return rows
      }
      return Problem.Block(
        name: block.name, shape: block.shape, gradients: turned(block.gradients),
        queries: turned(block.queries))
    }
    expectClose(
      try setup.scores(of: turned, HyperINF(moment: moment)),
      try setup.scores(of: problem, HyperINF(moment: moment)), bound: .relative(1e-9))
  }

  @Test("Settings, and blocks that are no matrices")
  func settings() throws {
    #expect(
      try EstimatorCatalog.estimator("hyperinf:moment=rows").settings == ["moment": "rows"])
    #expect(throws: InfluenceError.self) {
      try EstimatorCatalog.estimator("hyperinf:moment=both")
    }
    var problem = Problem.standard
    problem.blocks[0].shape = [2, 2, 9]
    let error = #expect(throws: GradientStoreError.self) {
      try Setup(precision: .double, side: .query).scores(of: problem, HyperINF())
    }
    #expect("\(try #require(error))".contains("a.weight"))
  }
}
