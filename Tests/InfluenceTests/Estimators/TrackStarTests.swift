import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Corrected gradients of unit length in the norm of the inverse of their second moment.
@Suite("TrackStar")
struct TrackStarTests {
  private static let queryOnly = CurvatureOptions.Precision.allCases.map {
    Setup(precision: $0, side: .query)
  }

  private static func optimizer(_ problem: Problem) -> OptimizerMoments {
    var generator = SeededGenerator(seed: 6, stream: 1)
    return OptimizerMoments(
      rule: .init(stepCount: 3, firstDecay: 0.9, secondDecay: 0.5, epsilon: 1e-6),
      moments: problem.blocks.map { block in
        let size = block.gradients.largest
        let first = (0..<block.gradients.columns).map { _ in size * generator.normal() }
        return (block.name, .init(first: first, second: first.map { $0 * $0 + 0.1 * size * size }))
      })
  }

  /// V·M·Gᵀ, vᵀMv and gᵀMg, summed over blocks, by d × d matrices.
  private func naive(
    _ problem: Problem, _ method: TrackStar, mixing other: Problem? = nil
  ) throws -> Matrix<Double> {
    let moments = Self.optimizer(problem)
    var scores = Matrix<Double>.zeros(problem.queryCount, problem.exampleCount)
    var own = [Double](repeating: 0, count: problem.exampleCount)
    var asked = [Double](repeating: 0, count: problem.queryCount)
    for (index, block) in problem.naive.enumerated() {
      let name = problem.blocks[index].name
      let scales: [Double]
      switch method.correction {
      case .none: scales = [Double](repeating: 1, count: block.width)
      case .gradients: scales = block.fisher.diagonal.map { 1 / $0.squareRoot() }
      case .optimizer:
        let correction = 1 - pow(moments.rule.secondDecay, Double(moments.rule.stepCount))
        scales = try moments.moments(ofBlock: name, width: block.width).second.map {
          1 / (($0 / correction).squareRoot() + moments.rule.epsilon)
        }
      }
      var moment = block.fisher
      if let other {
        let rows = other.blocks[index].gradients
        let mixed = Naive.product(Naive.transpose(rows), rows).scaled(by: 1 / Double(rows.rows))
        moment = Naive.sum(
          moment.scaled(by: 1 - method.share), mixed, scale: method.share)
      }
      for i in 0..<block.width {
        for j in 0..<block.width { moment[i, j] *= scales[i] * scales[j] }
      }
      let share = block.lambda / block.fisher.diagonal.reduce(0, +)
      let lambda = share * moment.diagonal.reduce(0, +)
      for i in 0..<block.width { moment[i, i] += lambda }
      var inverse = try #require(Naive.inverse(moment))
      for i in 0..<block.width {
        for j in 0..<block.width { inverse[i, j] *= scales[i] * scales[j] }
      }
      scores = Naive.sum(scores, block.scores(of: Naive.product(block.queries, inverse)))
      let values = block.scores(of: Naive.product(block.gradients, inverse)).diagonal
      own = zip(own, values).map { $0 + $1 }
      let moved = Naive.product(block.queries, inverse)
      for query in asked.indices {
        asked[query] += NaiveBlock.dot(Array(moved[row: query]), Array(block.queries[row: query]))
      }
    }
    for query in asked.indices {
      for row in own.indices { scores[query, row] /= (asked[query] * own[row]).squareRoot() }
    }
    return scores
  }

  private func curvature(
    _ problem: Problem, _ method: TrackStar, _ setup: Setup,
    by partition: BlockPartition = .tensor
  ) throws -> Curvature {
    try Curvature(
      fitting: [method],
      on: problem.training(setup.precision).with(optimizer: Self.optimizer(problem))
        .partitioned(by: partition),
      options: setup.options())
  }

  @Test(
    "Scores by d × d matrices; on itself an example scores 1", arguments: queryOnly,
    TrackStar.Correction.allCases)
  func formula(setup: Setup, correction: TrackStar.Correction) throws {
    let problem = Problem.standard
    let method = TrackStar(correction: correction)
    let fitted = try curvature(problem, method, setup)
    let scores = try fitted.scores(of: problem.queries(setup.precision))[0]
    #expect(scores.certificate == nil)
    // A correction can only make the condition of the standard problem worse by the spread of its scales, below 10⁴.
    let bound = Bound.absolute(setup.precision == .double ? 1e-8 : 2e-3)
    expectClose(scores.values, try naive(problem, method), bound: bound)
    #expect(scores.values.elements.allSatisfy { abs($0) <= 1 + 1e-4 })
    let own = try fitted.selfInfluence()[0].values
    #expect(own.allSatisfy { abs($0 - 1) < 1e-3 })
  }

  @Test("Another store's second moment is mixed in, for groups of blocks too")
  func mixture() throws {
    let setup = Setup(precision: .double, side: .query)
    let problem = Problem.standard
    let other = problem.mapping { block in
      Problem.Block(
        name: block.name, shape: block.shape, gradients: block.queries, queries: block.queries)
    }
    let folder = try TemporaryDirectory()
    let writer = try GradientStoreWriter(
      creating: folder.file("task"), layout: problem.training(.double).layout,
      elementType: .float64)
    try writer.append(other.blocks.map(\.gradients))
    try writer.finish()
    var method = TrackStar(correction: .optimizer, queries: folder.file("task").path)
    for share in [0.3, 0.99] {
      method.share = share
      let scores = try curvature(problem, method, setup).scores(of: problem.queries(.double))[0]
      expectClose(
        scores.values, try naive(problem, method, mixing: other), bound: .absolute(1e-8))
    }
    // One block of all has its own damping; nothing of it is known but that it is right for one block.
    let single = Problem(blocks: [problem.blocks[2]])
    let grouped = try curvature(single, method, setup, by: .all)
      .scores(of: single.queries(.double).partitioned(by: .all))[0].values
    let plain = try curvature(single, method, setup).scores(of: single.queries(.double))[0].values
    expectClose(grouped, plain, bound: .absolute(1e-12))
    let missing = Problem(blocks: [
      .random("elsewhere", shape: [3], rows: 24, .flat, seed: 1)
    ])
    let error = #expect(throws: InfluenceError.self) { try curvature(missing, method, setup) }
    #expect("\(try #require(error))".contains("elsewhere"))
  }

  @Test("Without a correction it is exact between unit lengths in the norm of M")
  func plain() throws {
    let setup = Setup(precision: .double, side: .query)
    let problem = Problem.standard.separated[2]
    let scores = try setup.scores(of: problem, TrackStar(correction: .none))
    let exact = try setup.scores(of: problem, RelatIFLoss())
    // Rows are the same but for a factor of each query.
    for query in 0..<problem.queryCount {
      let factor = scores[query, 0] / exact[query, 0]
      expectClose(
        Array(scores[row: query]), exact[row: query].map { factor * $0 }, bound: .relative(1e-9))
      #expect(factor > 0)
    }
  }

  @Test("Units of single parameters change nothing under a correction by gradients")
  func units() throws {
    let setup = Setup(precision: .double, side: .query)
    let problem = Problem.standard
    let scaled = problem.mapping { block in
      func turned(_ rows: Matrix<Double>) -> Matrix<Double> {
        var rows = rows
        rows.scaleColumns(by: (0..<rows.columns).map { [0.25, 2, 8][$0 % 3] })
        return rows
      }
      return Problem.Block(
        name: block.name, shape: block.shape, gradients: turned(block.gradients),
        queries: turned(block.queries))
    }
    let method = TrackStar(correction: .gradients)
    expectClose(
      try setup.scores(of: scaled, method), try setup.scores(of: problem, method),
      bound: .absolute(1e-8))
  }

  @Test("Missing moments and settings")
  func errors() throws {
    let setup = Setup(precision: .double, side: .query)
    let error = #expect(throws: InfluenceError.self) {
      try setup.scores(of: .standard, TrackStar())
    }
    let message = "\(try #require(error))"
    #expect(message.contains("optimizer.safetensors") && message.contains("correction=gradients"))
    #expect(message.count < 400)
    #expect(
      try EstimatorCatalog.estimator("trackstar:correction=none,queries=a/b,share=0.5").settings
        == ["correction": "none", "queries": "a/b", "share": "0.5"])
    #expect(throws: InfluenceError.self) { try EstimatorCatalog.estimator("trackstar:share=1") }
  }
}
