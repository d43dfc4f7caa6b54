import InfluenceKit
import TestSupport
import Testing

@Suite("The most influential subset of stored gradients")
struct StoredSubsetTests {
  private func subset(
    _ problem: Problem, _ setup: Setup, size: Int = 5, query: Int = 2,
    aggregation: Aggregation = .none, algorithm: RemovalAlgorithm = .adaptive, step: Int = 1,
    direction: RemovalDirection = .raise, estimator: any Estimator = ExactFisher()
  ) throws -> InfluentialSubset {
    try setup.curvature(of: problem, [estimator]).influentialSubset(
      size: size, on: problem.queries(setup.precision), query: query, aggregation: aggregation,
      algorithm: algorithm, step: step, direction: direction)
  }

  private func effect(
    _ problem: Problem, _ rows: [Int], query: Int = 2, aggregation: Aggregation = .none,
    estimator: any Estimator = ExactFisher()
  ) throws -> Double {
    let setup = Setup(precision: .double, side: .query)
    return try setup.curvature(of: problem, [estimator]).groupInfluence(
      ofRemoving: rows, on: problem.queries(.double), aggregation: aggregation)[0].secondOrder[
        query]
  }

  @Test(
    "Each round takes the example that adds most to the set's second-order effect",
    arguments: Setup.inDouble, RemovalDirection.allCases)
  func adaptive(setup: Setup, direction: RemovalDirection) throws {
    let problem = Problem.standard
    let found = try subset(problem, setup, direction: direction)
    let sign = direction == .raise ? 1.0 : -1
    var rows: [Int] = []
    var before = 0.0
    for round in 0..<5 {
      // From the definition: the group formula of every set that is one larger.
      let effects = try (0..<24).map {
        rows.contains($0) ? -Double.infinity : sign * (try effect(problem, rows + [$0]))
      }
      let best = try #require(effects.indices.max { effects[$0] < effects[$1] })
      #expect(found.rows[round] == best)
      rows.append(best)
      let after = sign * effects[best]
      expectClose(found.gains[round], after - before, bound: .absolute(1e-9 * abs(after)))
      before = after
    }
    expectClose(
      found.predicted, try #require(found.effect), bound: .absolute(1e-9 * abs(found.predicted)))
    #expect(found.rounds == 5 && found.fixedRows.isEmpty)
  }

  @Test("Greedy sorts scores, with the leverage or without", arguments: Setup.all)
  func greedy(setup: Setup) throws {
    let problem = Problem.standard
    let scores = try setup.scores(of: problem, ExactFisher())
    let found = try subset(problem, setup, algorithm: .greedy)
    let order = (0..<24).sorted { scores[2, $0] > scores[2, $1] }
    #expect(found.rows == Array(order.prefix(5)))
    expectClose(
      found.gains, found.rows.map { scores[2, $0] / 24 }, bound: .relative(64 * setup.unit))
    let adjusted = try subset(problem, setup, algorithm: .leverageAdjusted)
    let alone = try (0..<24).map { try effect(problem, [$0]) }
    #expect(
      adjusted.rows == Array((0..<24).sorted { alone[$0] > alone[$1] }.prefix(5)))
    expectClose(
      adjusted.gains, adjusted.rows.map { alone[$0] }, bound: .relative(1e4 * setup.unit))
  }

  @Test("A step of k is one round of the leverage-adjusted; others lie between")
  func steps() throws {
    let problem = Problem.standard
    let setup = Setup(precision: .double, side: .score)
    let whole = try subset(problem, setup, step: 5)
    let adjusted = try subset(problem, setup, algorithm: .leverageAdjusted)
    #expect(whole == adjusted)
    let pairs = try subset(problem, setup, step: 2)
    #expect(pairs.rounds == 3 && Set(pairs.rows).count == 5)
    #expect(Array(pairs.rows.prefix(2)) == Array(adjusted.rows.prefix(2)))
  }

  @Test("Other methods' own second order, and the mean query")
  func others() throws {
    var problem = Problem.standard
    problem.damping = .relative(100)
    let setup = Setup(precision: .double, side: .query)
    for method in ["datainf", "diagonal"] {
      let estimator = try EstimatorCatalog.estimator(method)
      let found = try subset(
        problem, setup, query: 0, aggregation: .mean, estimator: estimator)
      let expected = try effect(
        problem, found.rows, query: 0, aggregation: .mean, estimator: estimator)
      expectClose(try #require(found.effect), expected, bound: .relative(1e-12))
      expectClose(found.predicted, expected, bound: .relative(1e-9))
    }
  }

  @Test("Equal examples are taken from the lowest row on")
  func ties() throws {
    let row = [1.0, 2, -1, 0.5]
    let gradients = Matrix(
      rows: 6, columns: 4, elements: (0..<6).flatMap { _ in row })
    let problem = Problem(gradients: gradients, queries: Matrix(rows: 1, columns: 4, elements: row))
    let setup = Setup(precision: .double, side: .query)
    for algorithm in [RemovalAlgorithm.greedy, .leverageAdjusted] {
      let found = try subset(problem, setup, size: 3, query: 0, algorithm: algorithm)
      #expect(found.rows == [0, 1, 2])
    }
  }

  @Test("What cannot be searched is an error")
  func errors() throws {
    let problem = Problem.standard
    let setup = Setup(precision: .double, side: .score)
    for size in [0, -1, 24, 100] {
      #expect(throws: InfluenceError.self) { try subset(problem, setup, size: size) }
    }
    #expect(throws: InfluenceError.self) { try subset(problem, setup, query: 5) }
    #expect(throws: InfluenceError.self) { try subset(problem, setup, query: -1) }
    #expect(throws: InfluenceError.self) { try subset(problem, setup, step: 0) }
    #expect(throws: InfluenceError.self) { try subset(problem, setup, estimator: Cosine()) }
    #expect(throws: InfluenceError.self) { try subset(problem, setup, algorithm: .exhaustive) }
    // Flat curvature overstates leverages beyond 1.
    let error = #expect(throws: InfluenceError.self) {
      try subset(problem, setup, estimator: BlockNormalized())
    }
    #expect("\(try #require(error))".contains("leverage"))
    // Greedy needs none, but nor does it know more than first order.
    let greedy = try subset(
      problem, setup, algorithm: .greedy, estimator: BlockNormalized())
    #expect(greedy.effect == nil && greedy.fixedRows.isEmpty && greedy.rows.count == 5)
  }
}
