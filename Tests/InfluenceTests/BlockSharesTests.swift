import InfluenceKit
import TestSupport
import Testing

/// Which blocks scores come from, for every method.
@Suite("Shares of blocks")
struct BlockSharesTests {
  private func curvature(_ stores: ModelStores, _ method: String) throws -> Curvature {
    try Curvature(
      fitting: [try EstimatorCatalog.estimator(ModelStores.specification(method))],
      on: stores.training(for: method),
      options: CurvatureOptions(damping: .relative(0.5), certifies: false, precision: .double))
  }

  private func sum(_ shares: BlockShares) -> Matrix<Double> {
    shares.values.dropFirst().reduce(shares.values[0]) { Naive.sum($0, $1) }
  }

  @Test("Shares sum to the scores, and to self-influence", arguments: EstimatorCatalog.names)
  func sums(method: String) throws {
    let stores = try ModelStores()
    let curvature = try curvature(stores, method)
    let queries = method == "logra" ? stores.projected[rows: 2..<7] : stores.queries
    for aggregation in [Aggregation.none, .mean] {
      let scores = try curvature.scores(of: queries, aggregation: aggregation, perBlock: true)[0]
      let shares = try #require(scores.shares)
      #expect(shares.blocks == curvature.contexts.map(\.name))
      expectClose(sum(shares), scores.values, bound: .relative(1e-13))
      // Not all from one block.
      #expect(
        shares.values.filter { Naive.largest($0) > 1e-6 * Naive.largest(scores.values) }.count > 1)
      let plain = try curvature.scores(of: queries, aggregation: aggregation)[0]
      #expect(plain.shares == nil)
      if method == PreconditionedConjugateGradient.name {
        // Its directions come from eigenvectors of small matrices, which may be rounded otherwise in
        // another run: residuals of 1e-12 leave scores that differ by the condition times as much.
        expectClose(plain.values, scores.values, bound: .relative(1e-8))
      } else {
        #expect(plain.values == scores.values)
      }
    }
    let own = try curvature.selfInfluence(perBlock: true)[0]
    expectClose(
      sum(try #require(own.shares)).elements, own.values, bound: .relative(1e-13))
    #expect(try curvature.selfInfluence()[0].shares == nil)
  }

  @Test("A share is the score of the block alone, in any precision", arguments: Setup.all)
  func alone(setup: Setup) throws {
    let problem = Problem.standard
    let methods: [any Estimator] = [HessianFree(), DataInf(), ExactFisher()]
    let scores = try setup.curvature(of: problem, methods).scores(
      of: problem.queries(setup.precision), perBlock: true)
    for (place, part) in problem.separated.enumerated() {
      let alone = try setup.scores(of: part, methods)
      for (index, score) in alone.enumerated() {
        #expect(scores[index].shares?.values[place] == score.values)
      }
    }
  }

  @Test("A block without gradients has shares of zero")
  func dead() throws {
    var problem = Problem.standard
    problem.blocks[1].gradients = .zeros(24, 10)
    let setup = Setup(precision: .double, side: .query)
    let curvature = try setup.curvature(of: problem, [DataInf(), Cosine()])
    let queries = problem.queries(.double)
    for scores in try curvature.scores(of: queries, perBlock: true) {
      let shares = try #require(scores.shares)
      #expect(shares.blocks == ["a.weight", "b.weight", "c.weight"])
      #expect(shares.values[1] == .zeros(5, 24))
      expectClose(sum(shares), scores.values, bound: .relative(1e-14))
    }
    let own = try curvature.selfInfluence(perBlock: true)[1]
    #expect(own.shares?.values[1] == .zeros(1, 24))
    expectClose(own.values, [Double](repeating: 1, count: 24), bound: .absolute(1e-14))
  }

  @Test("Side by side: query, example, block, with either sign")
  func interleaved() throws {
    let problem = Problem.standard
    let setup = Setup(precision: .double, side: .score)
    let scores = try setup.curvature(of: problem, [DataInf()]).scores(
      of: problem.queries(.double), perBlock: true)[0]
    let shares = try #require(scores.shares)
    for (convention, sign) in [(ScoreConvention.helpful, 1.0), (.influence, -1)] {
      let array = shares.interleaved(in: convention)
      #expect(array.rows == 5 && array.columns == 24 * 3)
      for (query, example, block) in [(0, 0, 0), (1, 0, 2), (4, 23, 1), (2, 7, 0)] {
        #expect(array[query, example * 3 + block] == sign * shares.values[block][query, example])
      }
    }
  }

  @Test("Kept shares take memory, so that fewer queries are scored at a time")
  func memory() throws {
    let problem = Problem.standard
    var options = CurvatureOptions(certifies: false)
    options.memoryBudget = 40_000
    let curvature = try Curvature(
      fitting: [HessianFree()], on: problem.training(.single), options: options)
    let (whole, parts) = (
      curvature.queriesAtATime(of: 1000), curvature.queriesAtATime(of: 1000, perBlock: true)
    )
    #expect(parts >= 1 && parts < whole)
  }
}
