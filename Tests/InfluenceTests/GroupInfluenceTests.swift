import InfluenceKit
import TestSupport
import Testing

@Suite("Influence of a group")
struct GroupInfluenceTests {
  private func groups(
    _ problem: Problem, _ estimator: any Estimator, _ rows: [Int], _ setup: Setup,
    aggregation: Aggregation = .none
  ) throws -> GroupInfluence {
    try setup.curvature(of: problem, [estimator]).groupInfluence(
      ofRemoving: rows, on: problem.queries(setup.precision), aggregation: aggregation)[0]
  }

  /// V·(F_U + λI)⁻¹·Σ_U gᵢ/n, F_U without the set, by d × d matrices.
  private func removed(_ problem: Problem, _ rows: [Int]) throws -> [Double] {
    var effect = [Double](repeating: 0, count: problem.queryCount)
    for block in problem.naive {
      let n = Double(block.exampleCount)
      let members = block.gradients.rows(rows)
      var without = Naive.sum(
        block.shifted,
        Naive.product(Naive.transpose(members), members), scale: -1 / n)
      without = Naive.sum(without, Matrix<Double>.zeros(without.rows, without.columns))
      let inverse = try #require(Naive.inverse(without))
      let scores = Naive.product(
        Naive.product(block.queries, inverse), Naive.transpose(members))
      for query in effect.indices { effect[query] += scores[row: query].reduce(0, +) / n }
    }
    return effect
  }

  @Test("Second order is the curvature without the set", arguments: Setup.inDouble)
  func exact(setup: Setup) throws {
    let problem = Problem.standard
    let rows = [3, 11, 12, 20]
    let group = try groups(problem, ExactFisher(), rows, setup)
    expectClose(group.secondOrder, try removed(problem, rows), bound: .relative(1e-9))
    #expect(group.leverage > 0 && group.leverage < 1)
    // First order is the sum of the scores.
    let scores = try setup.scores(of: problem, ExactFisher())
    let sums = (0..<problem.queryCount).map { query in
      rows.reduce(0) { $0 + scores[query, $1] } / 24
    }
    expectClose(group.firstOrder, sums, bound: .relative(1e-9))
    // Additive: each removed by itself.
    var alone = [Double](repeating: 0, count: problem.queryCount)
    for row in rows { alone = zip(alone, try removed(problem, [row])).map { $0 + $1 } }
    expectClose(group.additive, alone, bound: .relative(1e-9))
    expectClose(
      group.interaction, zip(group.secondOrder, group.additive).map { $0 - $1 },
      bound: .absolute(0))
  }

  @Test(
    "Where memory is short, queries and members are scored one at a time",
    arguments: CurvatureOptions.Precision.allCases)
  func oneAtATime(precision: CurvatureOptions.Precision) throws {
    let problem = Problem.standard
    let rows = [3, 11, 12, 20]
    // It holds no matrix of a block; under this damping leverages are below 1.
    let estimators: [any Estimator] = [DataInf()]
    var options = CurvatureOptions(
      damping: .relative(10), costModel: CostModel(request: .query), certifies: false,
      precision: precision)
    let queries = problem.queries(precision)
    let training = problem.training(precision)
    let whole = try Curvature(fitting: estimators, on: training, options: options)
      .groupInfluence(ofRemoving: rows, on: queries)
    // Less than one query's scores take.
    options.memoryBudget = 100
    let curvature = try Curvature(fitting: estimators, on: training, options: options)
    for (one, other) in zip(try curvature.groupInfluence(ofRemoving: rows, on: queries), whole) {
      // A product's last bits may depend on how many rows it has.
      let bound = Bound.relative(1e3 * precision.unit)
      expectClose(one.firstOrder, other.firstOrder, bound: bound)
      expectClose(one.secondOrder, other.secondOrder, bound: bound)
      expectClose(one.additive, other.additive, bound: bound)
    }
  }

  @Test(
    "Of one example there is no interaction",
    arguments: ["exact", "datainf", "diagonal", "shampoo"])
  func single(method: String) throws {
    let estimator = try EstimatorCatalog.estimator(method)
    var problem = Problem.standard
    // DataInf's leverages are not bounded by 1 under a light damping.
    problem.damping = .relative(100)
    let setup = Setup(precision: .double, side: .query)
    let group = try groups(problem, estimator, [5], setup)
    #expect(Naive.norm(group.interaction) <= 1e-12 * Naive.norm(group.additive))
    let mean = try groups(problem, estimator, [5], setup, aggregation: .mean)
    #expect(
      abs(mean.secondOrder[0] - group.secondOrder.reduce(0, +) / 5) < 1e-12
        * Naive.norm(group.secondOrder))
  }

  /// Ridge regression whose residuals are all 1.
  ///
  /// With θ = Xᵀ1/α and y = Xθ + 1, θ is the solution. Then
  /// gᵢ = −xᵢ, F is the Hessian, and second order is θ without the set, to the last digit.
  @Test("Least squares: exactly a fit without the set")
  func leastSquares() throws {
    var generator = SeededGenerator(seed: 41)
    let (n, d, penalty) = (20, 6, 2.0)
    let features = Matrix<Double>.normal(n, d, using: &generator).inSingles
    let ones = Matrix<Double>(repeating: 1, rows: 1, columns: n)
    let solution = Naive.product(ones, features).scaled(by: 1 / penalty)
    let targets = Naive.product(solution, Naive.transpose(features)).elements.map { $0 + 1 }
    let whole = try RidgeRegression(features: features, targets: targets, penalty: penalty)
    expectClose(whole.parameters, solution.elements, bound: .relative(1e-11))
    let rows = [0, 7, 8, 15, 19]
    let kept = (0..<n).filter { !rows.contains($0) }
    let without = try RidgeRegression(
      features: features.selecting(rows: kept), targets: kept.map { targets[$0] }, penalty: penalty)
    let queries = Matrix<Double>.normal(3, d, using: &generator).inSingles
    var problem = Problem(gradients: features.scaled(by: -1), queries: queries)
    problem.damping = .absolute(penalty / Double(n))
    let group = try groups(
      problem, ExactFisher(), rows, Setup(precision: .double, side: .query))
    let change = zip(without.parameters, whole.parameters).map { $0 - $1 }
    let expected = (0..<3).map { query in
      zip(queries[row: query], change).reduce(0) { $0 + $1.0 * $1.1 }
    }
    expectClose(group.secondOrder, expected, bound: .relative(1e-10))
    #expect(Naive.norm(group.interaction) > 1e-3 * Naive.norm(expected))
  }

  @Test("Groups that cannot be removed are errors")
  func errors() throws {
    let setup = Setup(precision: .double, side: .score)
    let problem = Problem.standard
    for rows in [[], [1, 1], [24], [-1], Array(0..<24)] {
      #expect(throws: InfluenceError.self) { try self.groups(problem, ExactFisher(), rows, setup) }
    }
    #expect(throws: InfluenceError.self) { try self.groups(problem, Cosine(), [1], setup) }
    // Flat curvature overstates leverages beyond 1.
    let error = #expect(throws: InfluenceError.self) {
      try self.groups(problem, BlockNormalized(), [1, 2], setup)
    }
    #expect("\(try #require(error))".contains("leverage"))
  }

  @Test("Blocks' shares add up to the scores", arguments: Setup.all)
  func perBlock(setup: Setup) throws {
    let problem = Problem.standard
    let curvature = try setup.curvature(of: problem, [DataInf(), ExactFisher()])
    var names: [String] = []
    var sums = [Matrix<Double>](
      repeating: .zeros(problem.queryCount, problem.exampleCount), count: 2)
    let scores = try curvature.scores(
      of: problem.queries(setup.precision),
      eachBlock: { block, shares in
        names.append(block)
        for (index, share) in shares.enumerated() { sums[index].add(share) }
      })
    #expect(names == problem.blocks.map(\.name))
    for (sum, answer) in zip(sums, scores) { #expect(sum == answer.values) }
  }
}
