import Foundation
import InfluenceKit
import TestSupport
import Testing

/// SOURCE over several segments of a training.
@Suite("SOURCE over segments")
struct SourceSegmentTests {
  private func problem(_ seed: UInt64) -> Problem {
    Problem(blocks: [
      .random("first", shape: [3, 4], rows: 9, .flat, seed: seed),
      .random("second", shape: [5], rows: 9, .geometric, seed: seed + 100),
    ])
  }

  private func segment(_ problem: Problem, _ time: Double, _ setup: Setup) -> ScoreEnsemble.Member {
    ScoreEnsemble.Member(
      weight: time, training: problem.training(setup.precision),
      queries: problem.queries(setup.precision))
  }

  private func scores(
    _ segments: [(problem: Problem, time: Double)], _ setup: Setup,
    aggregation: Aggregation = .none, rows: Range<Int>? = nil
  ) throws -> Scores {
    try ScoreEnsemble(segments.map { segment($0.problem, $0.time, setup) }, as: .segments)
      .scores(
        by: Source(), ofQueries: rows, aggregation: aggregation,
        options: setup.options(certifies: false))
  }

  /// V·f(F) of one block by Jacobi rotations.
  private func filtered(
    _ rows: Matrix<Double>, _ block: NaiveBlock, _ function: (Double) -> Double
  ) -> Matrix<Double> {
    let basis = Naive.eigendecomposition(block.fisher)
    var coordinates = Naive.product(rows, Naive.transpose(basis.vectors))
    coordinates.scaleColumns(by: basis.values.map(function))
    return Naive.product(coordinates, basis.vectors)
  }

  @Test("Against the recurrences in d × d matrices", arguments: Setup.all)
  func naive(setup: Setup) throws {
    let segments = [(problem(1), 0.4), (problem(2), 2.0), (problem(3), 0.7)]
    var expected = Matrix<Double>.zeros(5, 9)
    var tolerance = 0.0
    for place in 0..<2 {
      var left = segments[2].0.naive[place].queries
      for (problem, time) in segments.reversed() {
        let block = problem.naive[place]
        let moved = filtered(left, block) {
          abs($0 * time) < 1e-12 ? time : -expm1(-$0 * time) / $0
        }
        expected = Naive.sum(expected, block.scores(of: moved))
        tolerance +=
          8 * block.rounding(setup.precision) * time * (1 + time * block.largestEigenvalue)
          * left.largestRow * block.gradients.largestRow
        left = filtered(left, block) { exp(-$0 * time) }
      }
    }
    expectClose(
      try scores(segments, setup).values, expected, bound: .absolute(3 * tolerance))
  }

  @Test(
    "One segment is the method with that time, for all queries, some or their mean",
    arguments: Setup.inDouble)
  func single(setup: Setup) throws {
    let problem = problem(4)
    let alone = try setup.scores(of: problem, Source(time: 1.5))
    #expect(try scores([(problem, 1.5)], setup).values == alone)
    let some = try scores([(problem, 1.5)], setup, rows: 1..<3)
    expectClose(some.values, Matrix(alone.view[rows: 1..<3]), bound: .relative(1e-12))
    let mean = try scores([(problem, 1.5)], setup, aggregation: .mean)
    expectClose(mean.values, alone.meanRow(), bound: .relative(1e-12))
    #expect(mean.aggregation == .mean && mean.method == Source.name)
  }

  @Test("Equal segments are one of their times together", arguments: Setup.inDouble)
  func split(setup: Setup) throws {
    let problem = problem(5)
    let whole = try scores([(problem, 2)], setup).values
    expectClose(
      try scores([(problem, 1), (problem, 1)], setup).values, whole, bound: .relative(1e-10))
    expectClose(
      try scores([(problem, 0.5), (problem, 1.25), (problem, 0.25)], setup).values, whole,
      bound: .relative(1e-10))
    let mean = try scores([(problem, 1), (problem, 1)], setup, aggregation: .mean)
    expectClose(mean.values, whole.meanRow(), bound: .relative(1e-10))
  }

  @Test(
    "Over short times it is the sum of inner products times learning rates",
    arguments: Setup.inDouble)
  func short(setup: Setup) throws {
    let first = problem(6)
    var second = problem(7)
    // The query's gradient does not change.
    for place in 0..<2 { second.blocks[place].queries = first.blocks[place].queries }
    let rates = [2e-7, 1e-7]
    var expected = Matrix<Double>.zeros(5, 9)
    for (problem, rate) in zip([first, second], rates) {
      for block in problem.naive { expected = Naive.sum(expected, block.products, scale: rate) }
    }
    expectClose(
      try scores([(first, rates[0]), (second, rates[1])], setup).values, expected,
      bound: .relative(1e-5))
  }

  @Test("A block without gradients in one segment passes the query on", arguments: Setup.inDouble)
  func dead(setup: Setup) throws {
    let last = problem(8)
    var dead = problem(9)
    dead.blocks[1].gradients = .zeros(9, 5)
    let early = problem(10)
    var expected = Matrix<Double>.zeros(5, 9)
    for (place, segments) in [[early, dead, last], [early, last]].enumerated() {
      func part(_ problem: Problem) -> Problem { Problem(blocks: [problem.blocks[place]]) }
      expected = Naive.sum(
        expected, try scores(segments.map { (part($0), 1.0) }, setup).values)
    }
    expectClose(
      try scores([(early, 1), (dead, 1), (last, 1)], setup).values, expected,
      bound: .relative(1e-10))
  }

  @Test("Times follow from what Adam knew")
  func times() throws {
    let layout = problem(1).training(.single).layout
    func store(_ sum: Double?) -> GradientStore {
      let known = ModelStores.optimizer(of: layout, seed: 5)
      var rule = known.rule
      rule.learningRateSum = sum
      let optimizer = OptimizerMoments(
        rule: rule,
        moments: layout.blocks.compactMap { block in
          (try? known.moments(ofBlock: block.name, width: block.width)).map { (block.name, $0) }
        })
      return problem(1).training(.single).with(Companions(optimizer: optimizer))
    }
    let root = try #require(try store(1).optimizerMoments()).meanRoot(in: store(1))
    let times = try ScoreEnsemble.timesOfSegments(
      endingAt: [store(0.25), store(0.75)], for: Source.name)
    expectClose(times, [0.25 / root, 0.5 / root], bound: .relative(1e-12))
    for stores in [[store(0.5), store(0.5)], [store(0.5), store(nil)]] {
      let error = #expect(throws: InfluenceError.self) {
        try ScoreEnsemble.timesOfSegments(endingAt: stores, for: Source.name)
      }
      let message = "\(try #require(error))"
      #expect(message.contains("weight") && message.count < 400)
    }
  }

  @Test("What segments cannot be taken of")
  func errors() throws {
    let setup = Setup(precision: .double, side: .score)
    let member = segment(problem(1), 1, setup)
    let ensemble = try ScoreEnsemble([member, member], as: .segments)
    #expect(throws: InfluenceError.self) { try ensemble.scores(by: ExactFisher()) }
    #expect(throws: InfluenceError.self) { try ensemble.scores(by: Source(time: 2)) }
    #expect(throws: InfluenceError.self) { try ensemble.selfInfluence(by: Source()) }
    var ranked = CurvatureOptions()
    ranked.combination = .rank
    #expect(throws: InfluenceError.self) { try ensemble.scores(by: Source(), options: ranked) }
    for time in [0, -1, Double.infinity] {
      #expect(throws: InfluenceError.self) {
        try ScoreEnsemble([segment(problem(1), time, setup)], as: .segments)
      }
    }
    // Sums of scores are as they were.
    #expect(try ScoreEnsemble([member]).scores(by: Source(time: 2)).values.rows == 5)
  }
}
