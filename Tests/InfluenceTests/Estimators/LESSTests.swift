import Foundation
import InfluenceKit
import TestSupport
import Testing

/// The cosine of a query with the step that Adam would take for a training example.
@Suite("LESS")
struct LESSTests {
  private static let rule = OptimizerMoments.Rule(
    stepCount: 4, firstDecay: 0.9, secondDecay: 0.99, epsilon: 1e-3)
  private static let queryOnly = CurvatureOptions.Precision.allCases.map {
    Setup(precision: $0, side: .query)
  }

  private static func moments(
    of problem: Problem, rule: OptimizerMoments.Rule = rule, seed: UInt64 = 4
  ) -> OptimizerMoments {
    var generator = SeededGenerator(seed: seed, stream: 3)
    return OptimizerMoments(
      rule: rule,
      moments: problem.blocks.map { block in
        let size = block.gradients.largest
        let first = (0..<block.gradients.columns).map { _ in 0.3 * size * generator.normal() }
        return (block.name, .init(first: first, second: first.map { $0 * $0 + 0.01 * size * size }))
      })
  }

  /// Γ of every example: all blocks side by side.
  private func steps(
    _ problem: Problem, _ moments: OptimizerMoments, of row: Int
  ) throws -> [Double] {
    let (rule, t) = (moments.rule, Double(moments.rule.stepCount + 1))
    return try problem.blocks.flatMap { block in
      let known = try moments.moments(ofBlock: block.name, width: block.gradients.columns)
      return block.gradients[row: row].enumerated().map { column, g in
        let m = rule.firstDecay * known.first[column] + (1 - rule.firstDecay) * g
        let v = rule.secondDecay * known.second[column] + (1 - rule.secondDecay) * g * g
        return m / (1 - pow(rule.firstDecay, t))
          / ((v / (1 - pow(rule.secondDecay, t))).squareRoot() + rule.epsilon)
      }
    }
  }

  private func whole(
    _ problem: Problem, _ rows: KeyPath<Problem.Block, Matrix<Double>>, _ row: Int
  ) -> [Double] {
    problem.blocks.flatMap { Array($0[keyPath: rows][row: row]) }
  }

  private func cosine(_ one: [Double], _ other: [Double]) -> Double {
    NaiveBlock.dot(one, other) / (Naive.norm(one) * Naive.norm(other))
  }

  private func curvature(
    _ problem: Problem, _ moments: OptimizerMoments?, _ setup: Setup,
    by partition: BlockPartition = .tensor, reduction: (any Reduction)? = nil
  ) throws -> Curvature {
    var options = setup.options()
    if let reduction { options.reduction = reduction }
    return try Curvature(
      fitting: [LESS()],
      on: problem.training(setup.precision).with(optimizer: moments).partitioned(by: partition),
      options: options)
  }

  @Test("Scores and self-influence by the update rule, one example at a time", arguments: queryOnly)
  func naive(setup: Setup) throws {
    let problem = Problem.standard
    let moments = Self.moments(of: problem)
    let fitted = try curvature(problem, moments, setup)
    let scores = try fitted.scores(of: problem.queries(setup.precision))[0]
    let own = try fitted.selfInfluence()[0].values
    #expect(scores.certificate == nil)
    // Each number of a step is off by a few units of itself, unless m and g cancel: then of the larger.
    let bound = Bound.absolute(400 * setup.unit)
    for row in 0..<problem.exampleCount {
      let step = try steps(problem, moments, of: row)
      for query in 0..<problem.queryCount {
        expectClose(
          [scores.values[query, row]], [cosine(whole(problem, \.queries, query), step)],
          bound: bound)
      }
      expectClose([own[row]], [cosine(whole(problem, \.gradients, row), step)], bound: bound)
    }
  }

  /// One large block hides all but itself from whole norms: the blocks must be added before they are divided.
  @Test("Groups of blocks change nothing, nor does the division of rows")
  func groups() throws {
    let setup = Setup(precision: .double, side: .query)
    let problem = Problem.standard
    let moments = Self.moments(of: problem)
    let queries = problem.queries(.double)
    let expected = try curvature(problem, moments, setup).scores(of: queries)[0].values
    let joined = try curvature(problem, moments, setup, by: .all)
      .scores(of: queries.partitioned(by: .all))[0].values
    expectClose(joined, expected, bound: .absolute(1e-13))
    let own = try curvature(problem, moments, setup).selfInfluence()[0].values
    let parts = try RowExchange(parts: 3).run { rows in
      let fitted = try curvature(problem, moments, setup, reduction: rows)
      return (try fitted.scores(of: queries)[0].values, try fitted.selfInfluence()[0].values)
    }
    for (values, values2) in parts {
      expectClose(values, expected, bound: .absolute(1e-13))
      expectClose(values2, own, bound: .absolute(1e-13))
    }
  }

  @Test("Without memory of the mean, and with a large ε, it is the cosine of gradients")
  func cosineLimit() throws {
    let setup = Setup(precision: .double, side: .query)
    let problem = Problem.standard
    var rule = Self.rule
    (rule.firstDecay, rule.epsilon) = (0, 1e12)
    let scores = try curvature(problem, Self.moments(of: problem, rule: rule), setup)
      .scores(of: problem.queries(.double))[0].values
    expectClose(scores, try setup.scores(of: problem, Cosine()), bound: .absolute(1e-9))
  }

  /// With β₁ = 0 and nothing remembered a step is the sign of the gradient.
  @Test("The first step of Adam is the sign of the gradient")
  func signs() throws {
    let setup = Setup(precision: .double, side: .query)
    let problem = Problem.standard.separated[2]
    let block = problem.blocks[0]
    let zeros = [Double](repeating: 0, count: block.gradients.columns)
    let moments = OptimizerMoments(
      rule: .init(stepCount: 1, firstDecay: 0, secondDecay: 0, epsilon: 1e-12),
      moments: [(block.name, .init(first: zeros, second: zeros))])
    let scores = try curvature(problem, moments, setup)
      .scores(of: problem.queries(.double))[0].values
    for row in 0..<problem.exampleCount {
      let signs = block.gradients[row: row].map { $0 < 0 ? -1.0 : 1.0 }
      for query in 0..<problem.queryCount {
        let expected = cosine(Array(block.queries[row: query]), signs)
        expectClose([scores[query, row]], [expected], bound: .absolute(1e-8))
      }
    }
  }

  @Test("Examples without a gradient score zero, and are named; others keep their scores")
  func zeroRows() throws {
    let setup = Setup(precision: .double, side: .query)
    let problem = Problem.standard
    let moments = Self.moments(of: problem)
    let emptied = problem.mapping { block in
      var block = block
      for column in 0..<block.gradients.columns { block.gradients[2, column] = 0 }
      return block
    }
    let queries = problem.queries(.double)
    let expected = try curvature(problem, moments, setup).scores(of: queries)[0].values
    let fitted = try curvature(emptied, moments, setup)
    let scores = try fitted.scores(of: queries)[0]
    #expect(scores.warnings.contains { $0.contains("rows 2") })
    #expect(try fitted.selfInfluence()[0].values[2] == 0)
    for query in 0..<problem.queryCount {
      #expect(scores.values[query, 2] == 0)
      expectClose(
        [scores.values[query, 5]], [expected[query, 5]], bound: .absolute(1e-13))
    }
  }

  @Test("Moments go through a file, with a group's blocks one after the other")
  func file() throws {
    let setup = Setup(precision: .double, side: .query)
    let problem = Problem.standard
    let moments = Self.moments(of: problem)
    let folder = try TemporaryDirectory()
    try moments.write(of: problem.training(.double).layout, to: folder.url)
    let found = try #require(try OptimizerMoments(ifIn: folder.url))
    #expect(found.rule == moments.rule)
    for block in problem.blocks {
      let width = block.gradients.columns
      #expect(
        try found.moments(ofBlock: block.name, width: width)
          == moments.moments(ofBlock: block.name, width: width))
    }
    let queries = problem.queries(.double)
    #expect(
      try curvature(problem, found, setup).scores(of: queries)[0].values
        == curvature(problem, moments, setup).scores(of: queries)[0].values)
    let empty = try TemporaryDirectory()
    #expect(try OptimizerMoments(ifIn: empty.url) == nil)
  }

  @Test("What is missing or wrong is named before any work, with the remedy")
  func errors() throws {
    let setup = Setup(precision: .double, side: .query)
    let problem = Problem.standard
    func message(_ moments: OptimizerMoments?) -> String {
      do {
        _ = try curvature(problem, moments, setup)
        return ""
      } catch {
        return "\(error)"
      }
    }
    let none = message(nil)
    #expect(none.contains("optimizer.safetensors") && none.contains("choose cosine"))
    #expect(none.count < 400)
    let some = OptimizerMoments(
      rule: Self.rule, moments: [("a.weight", .init(first: [0], second: [0]))])
    #expect(message(some).contains("1 numbers where the block has 36 parameters"))
    let zeros = [Double](repeating: 0, count: 36)
    var bad = zeros
    bad[3] = -1
    #expect(
      message(.init(rule: Self.rule, moments: [("a.weight", .init(first: zeros, second: bad))]))
        .contains("a.weight.second_moment"))
    #expect(
      message(.init(rule: Self.rule, moments: [("a.weight", .init(first: zeros, second: zeros))]))
        .contains("no moments of this block"))
  }

  @Test("Metadata that are not Adam's are refused", arguments: ["step", "beta1", "epsilon"])
  func metadata(key: String) throws {
    let folder = try TemporaryDirectory()
    func text(_ name: String, _ value: String) -> String {
      "\"\(name)\":\"\(name == key ? "none" : value)\""
    }
    let metadata = [
      text("beta1", "0.9"), text("beta2", "0.999"), text("epsilon", "1e-08"),
      text("optimizer", "adam"), text("step", "3"),
    ].joined(separator: ",")
    let header =
      "{\"__metadata__\":{\(metadata)},\"w.first_moment\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}"
    var bytes = Data((0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) })
    bytes += Data(header.utf8) + Data(count: 8)
    try bytes.write(to: folder.file(OptimizerMoments.fileName))
    let error = #expect(throws: GradientStoreError.self) {
      try OptimizerMoments(ifIn: folder.url)
    }
    #expect("\(try #require(error))".contains(key))
  }
}
