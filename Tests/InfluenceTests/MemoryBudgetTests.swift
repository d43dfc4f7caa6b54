import InfluenceKit
import TestSupport
import Testing

/// What a memory budget changes: how blocks and queries are cut, never the scores.
@Suite("Memory budget")
struct MemoryBudgetTests {
  private let problem = Problem(
    blocks: (0..<5).map {
      .random("block \($0)", shape: [12], rows: 40, .lowRank, seed: UInt64($0) + 1)
    })

  private func curvature(
    _ estimators: [any Estimator], _ side: CostModel.Request, budget: Int?,
    precision: CurvatureOptions.Precision = .double, certifies: Bool = true
  ) throws -> Curvature {
    try Curvature(
      fitting: estimators, on: problem.training(precision),
      options: CurvatureOptions(
        costModel: CostModel(request: side), certifies: certifies, precision: precision,
        memoryBudget: budget))
  }

  @Test(
    "Blocks fitted when needed give the scores of blocks that are kept",
    arguments: [CostModel.Request.score, .query], CurvatureOptions.Precision.allCases)
  func refitted(side: CostModel.Request, precision: CurvatureOptions.Precision) throws {
    let estimators: [any Estimator] = [
      HessianFree(), DataInf(), LiSSA(), ConjugateGradient(), ExactFisher(),
    ]
    let kept = try curvature(estimators, side, budget: nil, precision: precision)
    // One block's matrices are at most 8 · 40² · 6 bytes; all five need five times that.
    let tight = try curvature(estimators, side, budget: 8 * 1600 * 9, precision: precision)
    #expect(kept.keepsBlocks)
    #expect(tight.keepsBlocks == (side == .query))
    for budget in [
      tight, try curvature(estimators, side, budget: 8 * 1600 * 30, precision: precision),
    ] {
      let scores = try budget.scores(of: problem.queries(precision))
      for (one, other) in zip(scores, try kept.scores(of: problem.queries(precision))) {
        // Double rounding through systems of condition number below 10³: LAPACK may take more
        // threads where blocks go one at a time.
        let slack = 64 * 1e3 * Double.ulpOfOne * other.values.largest
        let distance = zip(one.values.elements, other.values.elements).map { abs($0 - $1) }.max()
        #expect(try #require(distance) <= slack)
        let residuals = try #require(one.certificate).relativeResiduals
        for (a, b) in zip(residuals, try #require(other.certificate).relativeResiduals) {
          #expect(abs(a - b) <= 64 * 1e3 * Double.ulpOfOne)
        }
      }
    }
  }

  @Test("Fewer bytes, fewer queries at a time; never none")
  func queries() throws {
    var last = Int.max
    for budget in [1 << 30, 1 << 20, 1 << 16, 1 << 12, 0] {
      let curvature = try curvature([DataInf()], .query, budget: budget)
      let atATime = curvature.queriesAtATime(of: 1000)
      #expect(atATime >= 1 && atATime <= last)
      last = atATime
    }
    #expect(last == 1)
    #expect(try curvature([DataInf()], .query, budget: 1 << 30).queriesAtATime(of: 1000) == 1000)
  }

  @Test(
    "Exact scores do not need a matrix that fits: the smaller one, then passes",
    arguments: CurvatureOptions.Precision.allCases)
  func withoutMatrices(precision: CurvatureOptions.Precision) throws {
    let queries = problem.queries(precision)
    let exact = try curvature([ExactFisher()], .query, budget: nil, precision: precision)
    let expected = try #require(try exact.scores(of: queries).first).values
    let none = try curvature(
      [ExactFisher(tolerance: 1e-4), DataInf()], .automatic, budget: 0, precision: precision)
    for index in 0..<2 {
      #expect(none.choices(forEstimator: index).allSatisfy { $0?.side == .query })
    }
    #expect(none.choices(forEstimator: 0).allSatisfy { $0?.isByPasses == true })
    #expect(none.choices(forEstimator: 1).allSatisfy { $0?.isByPasses == false })
    let scores = try none.scores(of: queries)
    // |ΔS| ≤ ‖r‖·‖g‖/λ in every block: the certificate says how far off the passes may be.
    let bounds = try #require(scores[0].certificate?.errorBounds())
    for query in 0..<expected.rows {
      for example in 0..<expected.columns {
        let slack = 64 * precision.unit * expected.largest
        #expect(
          abs(scores[0].values[query, example] - expected[query, example])
            <= bounds[query] + slack)
      }
    }
    let byQueries = try #require(
      try curvature([DataInf()], .query, budget: nil, precision: precision).scores(of: queries)
        .first)
    #expect(scores[1].values == byQueries.values)
  }

  @Test("The smaller matrix where just that fits", arguments: CurvatureOptions.Precision.allCases)
  func smaller(precision: CurvatureOptions.Precision) throws {
    // F is 12 × 12: 22 · 144 bytes with a factor, K 40 × 40. Without certificates DataInf takes K.
    let curvature = try curvature(
      [DataInf(), ExactFisher()], .automatic, budget: 8 * 144 * 6, precision: precision,
      certifies: false)
    #expect(curvature.choices(forEstimator: 0).allSatisfy { $0?.side == .query })
    #expect(curvature.choices(forEstimator: 1).allSatisfy { $0?.side == .query })
    #expect(curvature.choices(forEstimator: 1).allSatisfy { $0?.isByPasses == false })
  }

  @Test("DataInf's self-influence by second moments, by rows of K and by K", arguments: Setup.all)
  func selfInfluence(setup: Setup) throws {
    let naive = try problem.naive.map { try $0.selfInfluence(.dataInf, scale: 1) }
    let expected = (0..<problem.exampleCount).map { row in naive.reduce(0) { $0 + $1[row] } }
    for budget in [1 << 30, 1 << 13, 0] where setup.side == .query || budget > 1 << 20 {
      let found = try #require(
        try curvature(
          [DataInf()], setup.side == .score ? .score : .query, budget: budget,
          precision: setup.precision, certifies: false
        ).selfInfluence().first)
      // Products of 12 to 40 terms, and a difference whose terms are at most ν/λ ≤ d·n/0.1.
      let scale = expected.map(abs).max() ?? 0
      for (one, other) in zip(found.values, expected) {
        #expect(abs(one - other) <= 256 * setup.unit * scale)
      }
    }
  }

  @Test("A mean over many queries is that of all, a chunk at a time")
  func mean() throws {
    var generator = SeededGenerator(seed: 5, stream: 1)
    let many = Matrix<Double>.normal(2500, 12, deviation: 1, using: &generator)
    let training = problem.training(.double)
    let names = problem.blocks.map(\.name)
    let queries = GradientStore(blocks: names.map { ($0, [12], many) })
    let mean = GradientStore(blocks: names.map { ($0, [12], many.meanRow()) })
    let options = CurvatureOptions(precision: .double)
    let curvature = try Curvature(fitting: [HessianFree()], on: training, options: options)
    let one = try #require(try curvature.scores(of: queries, aggregation: .mean).first).values
    let other = try #require(try curvature.scores(of: mean).first).values
    #expect((one.elements.count, one.rows) == (40, 1))
    for (a, b) in zip(one.elements, other.elements) {
      // A sum of 2,500 numbers of deviation 1, in another order.
      #expect(abs(a - b) <= 2500 * Double.ulpOfOne * other.largest)
    }
  }
}
