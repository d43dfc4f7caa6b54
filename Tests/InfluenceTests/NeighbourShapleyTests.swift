import InfluenceKit
import TestSupport
import Testing

@Suite("KNN-Shapley")
struct NeighbourShapleyTests {
  /// Random features with few classes.
  private func examples(_ count: Int, seed: UInt64, classes: Int = 2) throws -> Representations {
    var generator = SeededGenerator(seed: seed, stream: 3)
    let features = Matrix<Double>.normal(count, 3, using: &generator)
    return try Representations(
      features: features, labels: (0..<count).map { _ in generator.index(below: classes) })
  }

  /// Rows by distance from a query, of equal ones the lower first.
  private func ranked(_ training: Representations, _ query: ArraySlice<Double>) -> [Int] {
    let distances = (0..<training.count).map { row in
      zip(training.features[row: row], query).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    return distances.indices.sorted { (distances[$0], $0) < (distances[$1], $1) }
  }

  /// Shapley values from the definition, over all subsets.
  private func shapley(
    _ training: Representations, _ query: ArraySlice<Double>, label: Int, k: Int
  ) -> [Double] {
    let n = training.count
    let order = ranked(training, query)
    func utility(_ subset: Int) -> Double {
      let nearest = order.filter { subset >> $0 & 1 == 1 }.prefix(k)
      return Double(nearest.count { training.labels[$0] == label }) / Double(k)
    }
    func factorial(_ number: Int) -> Double { (0..<number).reduce(1) { $0 * Double($1 + 1) } }
    return (0..<n).map { player in
      (0..<1 << n).filter { $0 >> player & 1 == 0 }.reduce(0) { sum, subset in
        let size = subset.nonzeroBitCount
        let weight = factorial(size) * factorial(n - size - 1) / factorial(n)
        return sum + weight * (utility(subset | 1 << player) - utility(subset))
      }
    }
  }

  @Test("Against the definition, over all subsets", arguments: 1...8, 1...9)
  func definition(n: Int, k: Int) throws {
    let training = try examples(n, seed: UInt64(n))
    let queries = try examples(4, seed: 99, classes: 3)
    let scores = try NeighbourShapley(neighbours: k).scores(of: queries, on: training)
    for query in 0..<4 {
      let expected = shapley(
        training, queries.features[row: query], label: queries.labels[query], k: k)
      expectClose(Array(scores.values[row: query]), expected, bound: .absolute(1e-14))
    }
  }

  @Test(
    "A query's scores sum to the share of its nearest that have its class", arguments: [1, 5, 40])
  func sumRule(k: Int) throws {
    let training = try examples(40, seed: 4, classes: 3)
    let queries = try examples(10, seed: 5, classes: 3)
    let scores = try NeighbourShapley(neighbours: k).scores(of: queries, on: training).values
    for query in 0..<10 {
      let nearest = ranked(training, queries.features[row: query]).prefix(k)
      let share = Double(nearest.count { training.labels[$0] == queries.labels[query] }) / Double(k)
      expectClose(scores[row: query].reduce(0, +), share, bound: .absolute(1e-13))
    }
  }

  @Test("Nobody of the query's class: nothing to share; everybody: all have the same")
  func nullCases() throws {
    let features = try examples(9, seed: 6).features
    let training = try Representations(features: features, labels: Array(repeating: 1, count: 9))
    let query = try Representations(features: .zeros(2, 3), labels: [0, 1])
    let scores = try NeighbourShapley(neighbours: 3).scores(of: query, on: training).values
    #expect(scores[row: 0].allSatisfy { $0 == 0 })
    #expect(scores[row: 1].allSatisfy { $0 == 1 / 9.0 })
  }

  @Test("Copies of a point are equally far, and the lower row is the nearer")
  func ties() throws {
    var generator = SeededGenerator(seed: 7)
    // Far from the origin and near each other: squares of norms hide the distances.
    let points = Matrix<Double>.normal(4, 50, deviation: 1e-6, using: &generator)
    var features = Matrix<Double>(repeating: 1000, rows: 32, columns: 50)
    for row in 0..<32 {
      for column in 0..<50 { features[row, column] += points[row % 4, column] }
    }
    let labels = (0..<32).map { $0 / 4 % 2 }
    let training = try Representations(features: features, labels: labels)
    let query = try Representations(
      features: Matrix<Double>(repeating: 1000, rows: 1, columns: 50), labels: [1])
    for k in [1, 3] {
      let found = try NeighbourShapley(neighbours: k).scores(of: query, on: training).values
      // The same recursion in the order of distances summed from differences.
      let order = ranked(training, query.features[row: 0])
      #expect(order.prefix(8).map { $0 % 4 } == Array(repeating: order[0], count: 8))
      var value = 0.0
      for place in stride(from: 31, through: 0, by: -1) {
        let own = Double(labels[order[place]])
        value =
          place == 31
          ? own / 32
          : value + (own - Double(labels[order[place + 1]])) / Double(k)
            * Double(min(k, place + 1)) / Double(place + 1)
        expectClose(found[0, order[place]], value, bound: .absolute(1e-15))
      }
    }
  }

  @Test("The mean, settings, and what it has not")
  func settings() throws {
    let training = try examples(12, seed: 8)
    let queries = try examples(3, seed: 9)
    let method = try #require(try RepresentationCatalog.method("knn-shapley:k=2"))
    #expect(method.settings == ["k": "2"] && method.name == "knn-shapley")
    #expect(try RepresentationCatalog.method("knn-shapley")?.settings == ["k": "5"])
    let scores = try method.scores(of: queries, on: training).values
    let mean = try method.scores(of: queries, on: training, aggregation: .mean).values
    expectClose(mean, scores.meanRow(), bound: .relative(1e-15))
    for bad in ["knn-shapley:k=0", "knn-shapley:k=x", "knn-shapley:depth=1", "knn-shapley:k"] {
      #expect(throws: InfluenceError.self) { try RepresentationCatalog.method(bad) }
    }
    #expect(throws: InfluenceError.self) { try method.selfInfluence(on: training) }
    for name in RepresentationCatalog.names {
      #expect(try RepresentationCatalog.method(name)?.name == name)
      #expect(RepresentationCatalog.summaries[name]?.isEmpty == false)
    }
  }
}
