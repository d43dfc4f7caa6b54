import InfluenceKit
import TestSupport
import Testing

/// Scores divided by 1 − leverage in each block.
@Suite("Rescaled influence")
struct RescaledTests {
  /// Σ over blocks of S/(1 − h), with S and h by d × d matrices; and of self-influence.
  private func naive(
    _ problem: Problem, _ method: Method
  ) throws -> (scores: Matrix<Double>, own: [Double], room: Double) {
    var scores = Matrix<Double>.zeros(problem.queryCount, problem.exampleCount)
    var own = [Double](repeating: 0, count: problem.exampleCount)
    var room = 1.0
    for block in problem.naive {
      let values = try block.selfInfluence(method, scale: 1)
      let left = values.map { 1 - $0 / Double(block.exampleCount) }
      room = min(room, left.min() ?? 1)
      let plain = try block.scores(method, scale: 1)
      for row in 0..<plain.rows {
        for column in 0..<plain.columns { scores[row, column] += plain[row, column] / left[column] }
      }
      for row in own.indices { own[row] += values[row] / left[row] }
    }
    return (scores, own, room)
  }

  private func bound(
    _ problem: Problem, _ setup: Setup, _ size: Double, room: Double
  ) -> Bound {
    let condition = problem.naive.map(\.condition).max() ?? 1
    let rounding = problem.naive.map { $0.rounding(setup.precision) }.max() ?? 0
    return .absolute(16 * rounding * condition * size / room)
  }

  @Test("Against d × d matrices", arguments: Setup.all)
  func formula(setup: Setup) throws {
    let problem = Problem.standard
    let (scores, own, room) = try naive(problem, .exact)
    let found = try setup.scores(of: problem, [Rescaled()])[0]
    #expect(found.certificate == nil)
    expectClose(
      found.values, scores, bound: bound(problem, setup, Naive.largest(scores), room: room))
    expectClose(
      try setup.selfInfluence(of: problem, Rescaled()), own,
      bound: bound(problem, setup, own.map(abs).max() ?? 0, room: room))
  }

  @Test(
    "A score is n times what the damped model without the example says", arguments: Setup.inDouble)
  func leftOut(setup: Setup) throws {
    let problem = Problem.standard
    let scores = try setup.scores(of: problem, Rescaled())
    let n = Double(problem.exampleCount)
    for row in [0, 5, 17] {
      var effect = [Double](repeating: 0, count: problem.queryCount)
      for block in problem.naive {
        let g = Array(block.gradients[row: row])
        var without = block.shifted
        for i in g.indices { for j in g.indices { without[i, j] -= g[i] * g[j] / n } }
        let inverse = try #require(Naive.inverse(without))
        let moved = Naive.product(inverse, Matrix(rows: g.count, columns: 1, elements: g))
        for query in effect.indices {
          effect[query] += NaiveBlock.dot(Array(block.queries[row: query]), moved.elements)
        }
      }
      expectClose(
        (0..<problem.queryCount).map { scores[$0, row] }, effect, bound: .relative(1e-7))
    }
  }

  @Test("The sum over a group, divided by n, is its additive effect", arguments: Setup.inDouble)
  func groups(setup: Setup) throws {
    let problem = Problem.standard
    let rows = [2, 7, 11]
    let scores = try setup.scores(of: problem, Rescaled())
    let group = try setup.curvature(of: problem, [ExactFisher()], certifies: false)
      .groupInfluence(ofRemoving: rows, on: problem.queries(.double))[0]
    let sums = (0..<problem.queryCount).map { query in
      rows.reduce(0) { $0 + scores[query, $1] } / Double(problem.exampleCount)
    }
    expectClose(group.additive, sums, bound: .relative(1e-9))
  }

  @Test("Under a heavy damping nothing is left to divide by", arguments: Setup.inDouble)
  func heavyDamping(setup: Setup) throws {
    var problem = Problem.standard
    problem.damping = .relative(1e9)
    expectClose(
      try setup.scores(of: problem, Rescaled()), try setup.scores(of: problem, ExactFisher()),
      bound: .relative(1e-6))
  }

  @Test("Shares of blocks are divided by their own leverages", arguments: Setup.inDouble)
  func shares(setup: Setup) throws {
    let problem = Problem.standard
    let fitted = try setup.curvature(of: problem, [Rescaled()])
    let scores = try fitted.scores(of: problem.queries(.double), perBlock: true)[0]
    let shares = try #require(scores.shares)
    for (index, part) in problem.separated.enumerated() {
      expectClose(
        shares.values[index], try setup.scores(of: part, Rescaled()), bound: .relative(1e-9))
    }
    // The mean of the queries is scored with the mean of their scores.
    let mean = try fitted.scores(of: problem.queries(.double), aggregation: .mean)[0].values
    expectClose(mean, scores.values.meanRow(), bound: .relative(1e-9))
  }

  @Test("A leverage of 1 or more is an error that names rows, block and remedy")
  func tooMuch() throws {
    let setup = Setup(precision: .double, side: .query)
    let error = #expect(throws: InfluenceError.self) {
      try setup.scores(of: .standard, Rescaled(base: BlockNormalized()))
    }
    let message = "\(try #require(error))"
    #expect(message.contains("a.weight") && message.contains("row") && message.contains("exact"))
    #expect(message.count < 400)
  }

  @Test("Settings")
  func settings() throws {
    #expect(
      try EstimatorCatalog.estimator("rescaled:base=pcg:steps=9").settings["base"]?.contains("pcg")
        == true)
    #expect(throws: InfluenceError.self) { try EstimatorCatalog.estimator("rescaled:base=cosine") }
    #expect(!Rescaled().canBeKept && !Rescaled().isLinear)
  }
}
