import InfluenceKit
import TestSupport
import Testing

/// X = V·M, whose products with the training gradients are the scores.
@Suite("Directions of queries")
struct DirectionsTests {
  /// f·Σ_blocks x·gᵢ for all queries and examples, from the gradients as they are stored.
  private func products(
    _ directions: QueryDirections, with store: GradientStore, queries: Int
  ) throws -> Matrix<Double> {
    var sum = Matrix<Double>.zeros(queries, store.count)
    for (index, block) in store.layout.blocks.enumerated() {
      let place = try #require(directions.blocks.firstIndex(of: block.name))
      let rows = try store.rows(0..<store.count, of: index, as: Double.self)
      sum = Naive.sum(
        sum, Naive.product(directions.values[place], Naive.transpose(Matrix(rows))), scale: 1)
    }
    for query in 0..<queries {
      for example in 0..<store.count {
        sum[query, example] *= directions.factor(query: query, example: example)
      }
    }
    return sum
  }

  /// Methods that take the two sides of a tensor have no groups.
  private static let cases = EstimatorCatalog.names.filter { method in
    (try? EstimatorCatalog.estimator(method).isLinear) == true
  }.flatMap { method in
    let takesSides = ["kfac", "ekfac", "ekfac-cg", "shampoo", "eshampoo"]
      .contains(method)
    return (takesSides ? [BlockPartition.tensor] : [.tensor, .all]).map { (method, $0) }
  }

  @Test("give the scores of every method, as single tensors and in groups", arguments: cases)
  func scores(method: String, partition: BlockPartition) throws {
    let stores = try ModelStores()
    let plain = stores.training(for: method)
    let plainQueries = method == "logra" ? stores.projected[rows: 2..<7] : stores.queries
    let training = try plain.partitioned(by: partition)
    let queries = try plainQueries.partitioned(by: partition)
    let curvature = try Curvature(
      fitting: [try EstimatorCatalog.estimator(ModelStores.specification(method))], on: training,
      options: CurvatureOptions(damping: .relative(0.5), certifies: false, precision: .double))
    for aggregation in [Aggregation.none, .mean] {
      let scores = try curvature.scores(of: queries, aggregation: aggregation)[0].values
      let directions = try curvature.directions(of: queries, aggregation: aggregation)
      #expect(directions.blocks == plain.layout.blocks.map(\.name))
      #expect(directions.values.map(\.columns) == plain.layout.blocks.map(\.width))
      let found = try products(directions, with: plain, queries: scores.rows)
      // Iterations end at their tolerance, and the condition here is below a hundred.
      expectClose(found, scores, bound: .relative(1e-8))
    }
  }

  @Test("There are none of a method whose scores are not linear")
  func nonlinear() throws {
    let stores = try ModelStores()
    let curvature = try Curvature(fitting: [LESS()], on: stores.training)
    let error = #expect(throws: InfluenceError.self) {
      try curvature.directions(of: stores.queries)
    }
    #expect("\(try #require(error))".contains("choose another method"))
  }

  @Test("are the same on both sides, in either precision", arguments: Setup.all)
  func sides(setup: Setup) throws {
    let problem = Problem.standard
    let methods: [any Estimator] = [HessianFree(), DataInf(), ExactFisher()]
    let curvature = try setup.curvature(of: problem, methods, certifies: false)
    let queries = problem.queries(setup.precision)
    let scores = try curvature.scores(of: queries)
    for index in methods.indices {
      let directions = try curvature.directions(of: queries, estimator: index)
      let found = try products(
        directions, with: problem.training(setup.precision), queries: queries.count)
      expectClose(
        found, scores[index].values,
        bound: .relative(setup.precision == .double ? 1e-11 : 1e-3))
    }
  }

  @Test("are zero in blocks without gradients, and refuse other blocks")
  func dead() throws {
    var problem = Problem.standard
    problem.blocks[1].gradients = .zeros(24, 10)
    let setup = Setup(precision: .double, side: .query)
    let curvature = try setup.curvature(of: problem, [DataInf()])
    let queries = problem.queries(.double)
    let directions = try curvature.directions(of: queries)
    #expect(directions.values[1] == .zeros(5, 10))
    #expect(directions.values[0] != .zeros(5, directions.values[0].columns))
    let other = GradientStore(
      name: "other", blocks: [("w", [2], Matrix<Float>(repeating: 1, rows: 2, columns: 2))])
    #expect(throws: InfluenceError.self) { try curvature.directions(of: other) }
  }
}
