import InfluenceKit
import TestSupport
import Testing

/// Ranks and votes of blocks in the place of their sum.
@Suite("Combining blocks")
struct BlockCombinationTests {
  private func scores(
    _ problem: Problem, _ estimator: any Estimator, _ combination: BlockCombination, _ setup: Setup,
    perBlock: Bool = false
  ) throws -> Scores {
    var options = setup.options()
    options.combination = combination
    return try Curvature(
      fitting: [estimator], on: problem.training(setup.precision), options: options
    ).scores(of: problem.queries(setup.precision), perBlock: perBlock)[0]
  }

  /// How many are smaller and how many equal, for each.
  private func rank(_ row: [Double], _ place: Int) -> Double {
    let smaller = row.count { $0 < row[place] }
    let equal = row.count { $0 == row[place] }
    let middle = Double(smaller) + Double(equal - 1) / 2
    return 2 * middle / Double(row.count - 1) - 1
  }

  @Test("No memory is reserved for certificates that there are not")
  func memory() throws {
    var options = CurvatureOptions(certifies: true)
    let shape = RunShape(exampleCount: 4, queryCount: 3, columnCount: 12, blockCount: 2)
    #expect(RunPlan(shape, estimators: [ExactFisher()], options: options).normBytes > 0)
    options.combination = .vote
    #expect(!options.certifies)
    #expect(RunPlan(shape, estimators: [ExactFisher()], options: options).normBytes == 0)
  }

  @Test("Against counting in the shares of blocks", arguments: Setup.all)
  func naive(setup: Setup) throws {
    let problem = Problem.standard
    for estimator in [DataInf(), ExactFisher(), Rescaled()] as [any Estimator] {
      let shares = try #require(
        try scores(problem, estimator, .sum, setup, perBlock: true).shares)
      let ranked = try scores(problem, estimator, .rank, setup)
      let voted = try scores(problem, estimator, .vote, setup)
      #expect(ranked.certificate == nil && voted.certificate == nil)
      for query in 0..<problem.queryCount {
        let rows = shares.values.map { Array($0[row: query]) }
        for example in 0..<problem.exampleCount {
          let ranks = rows.map { rank($0, example) }
          let votes = ranks.map { $0 >= 0.8 ? 1.0 : $0 <= -0.8 ? -1 : 0 }
          expectClose(
            [ranked.values[query, example], voted.values[query, example]],
            [ranks.reduce(0, +) / 3, votes.reduce(0, +) / 3], bound: .absolute(1e-14))
        }
      }
    }
  }

  @Test("A block counts the same in any unit, and dead blocks do not")
  func units() throws {
    let setup = Setup(precision: .double, side: .score)
    let problem = Problem.standard
    var scaled = problem
    scaled.blocks[1].gradients = scaled.blocks[1].gradients.scaled(by: 1024)
    scaled.blocks[1].queries = scaled.blocks[1].queries.scaled(by: 1024)
    for combination in [BlockCombination.rank, .vote] {
      let plain = try scores(problem, HessianFree(), combination, setup).values
      #expect(try scores(scaled, HessianFree(), combination, setup).values == plain)
      var dead = problem
      dead.blocks[2].gradients = .zeros(problem.exampleCount, 24)
      let two = Problem(blocks: Array(problem.blocks.prefix(2)))
      expectClose(
        try scores(dead, HessianFree(), combination, setup).values,
        try scores(two, HessianFree(), combination, setup).values, bound: .absolute(1e-15))
    }
  }

  @Test("Of one block ranks are the order of its scores")
  func order() throws {
    let setup = Setup(precision: .double, side: .score)
    let problem = Problem.standard.separated[0]
    let ranked = try scores(problem, ExactFisher(), .rank, setup).values
    let plain = try scores(problem, ExactFisher(), .sum, setup).values
    for query in 0..<problem.queryCount {
      let orders = [ranked, plain].map { values in
        (0..<problem.exampleCount).sorted { values[query, $0] < values[query, $1] }
      }
      #expect(orders[0] == orders[1])
      #expect(ranked[row: query].max() == 1 && ranked[row: query].min() == -1)
    }
  }

  @Test("Scores that are divided after the sum are refused")
  func refusal() throws {
    let setup = Setup(precision: .double, side: .query)
    for estimator in [Cosine(), UnitNormalized(), RelatIFLoss()] as [any Estimator] {
      let error = #expect(throws: InfluenceError.self) {
        try scores(.standard, estimator, .rank, setup)
      }
      #expect("\(try #require(error))".contains("take their sum"))
    }
  }
}
