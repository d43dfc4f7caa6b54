import Evaluation
import Influence
import LinearAlgebra
import Gradients
import Testing

/// What a comparison says of one query or block that rules the mean, and how it combines queries.
@Suite("Queries and blocks that rule a mean")
struct DominanceTests {
  private func store(_ rows: Int, _ blocks: Int, seed: UInt64, scale: (Int) -> Double)
    -> GradientStore
  {
    var generator = SeededGenerator(seed: seed)
    return GradientStore(
      name: "store",
      blocks: (0..<blocks).map { block in
        let elements = (0..<rows * 6).map { _ in generator.normal() }
        return (
          "block\(block)", [6],
          Matrix<Double>(
            rows: rows, columns: 6,
            elements: elements.enumerated().map { $1 * scale($0 / 6) })
        )
      })
  }

  @Test("A query with a large gradient is named, unless queries have an equal say")
  func query() throws {
    let training = store(20, 1, seed: 1) { _ in 1 }
    let queries = store(5, 1, seed: 2) { $0 == 3 ? 100 : 1 }
    let mean = try MethodComparison(of: ["cosine"], training: training, queries: queries)
    #expect(mean.dominance.count == 1)
    #expect(mean.dominance.first?.contains("query 3 supplies 9") == true)
    let equal = try MethodComparison(
      of: ["cosine"], training: training, queries: queries, aggregation: .normalizedMean)
    #expect(equal.dominance.isEmpty)
    let even = try MethodComparison(
      of: ["cosine"], training: training, queries: store(5, 1, seed: 2) { _ in 1 })
    #expect(even.dominance.isEmpty)
  }

  @Test("What is said of all queries is said of the row that the comparison makes of them")
  func aggregation() throws {
    let training = store(20, 2, seed: 3) { _ in 1 }
    let queries = store(5, 2, seed: 4) { $0 == 3 ? 100 : 1 }
    let flipped: Set = [1, 4, 9]
    for way in ScoreAggregation.allCases where way != .none {
      let found = try MethodComparison(
        of: ["hessian-free"], training: training, queries: queries, aggregation: way,
        flipped: flipped)
      let row = try RowAggregate.row(of: found.entries[0].scores.values, by: way)
      #expect(
        found.entries[0].detection?.areaUnderROC
          == (try Detection.areaUnderROC(
            scores: row.elements.map { -$0 }, positives: flipped)))
    }
  }

  @Test("A block that supplies most of the scores is named")
  func block() throws {
    var generator = SeededGenerator(seed: 5)
    func blocks(_ rows: Int) -> [(name: String, shape: [Int], gradients: Matrix<Double>)] {
      (0..<3).map { block in
        // Against the damping of its own block only the queries' size counts.
        let size = block == 1 && rows == 4 ? 50.0 : 1
        return (
          "block\(block)", [5],
          Matrix(
            rows: rows, columns: 5, elements: (0..<rows * 5).map { _ in size * generator.normal() })
        )
      }
    }
    let training = GradientStore(name: "train", blocks: blocks(15))
    let queries = GradientStore(name: "query", blocks: blocks(4))
    let found = try MethodComparison(of: ["exact"], training: training, queries: queries)
    #expect(found.dominance.contains { $0.contains("block \"block1\" supplies 9") })
  }
}
