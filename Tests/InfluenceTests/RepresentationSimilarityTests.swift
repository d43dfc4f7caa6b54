import InfluenceKit
import TestSupport
import Testing

@Suite("Similarity of representations")
struct RepresentationSimilarityTests {
  private func features(_ count: Int, seed: UInt64) -> Matrix<Double> {
    var generator = SeededGenerator(seed: seed, stream: 8)
    return .normal(count, 5, using: &generator)
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "nothing"
    } catch { return "\(error)" }
  }

  @Test("Cosines by their definition, with and without classes, whatever the sizes of rows")
  func definition() throws {
    let (x, y) = (features(6, seed: 1), features(3, seed: 2))
    var scaled = x
    for column in 0..<5 {
      scaled[0, column] *= 1e-200
      scaled[1, column] *= 1e200
    }
    let training = try Representations(unlabelled: scaled)
    let queries = try Representations(features: y, labels: [0, 1, 7])
    let found = try RepresentationSimilarity().scores(of: queries, on: training)
    for query in 0..<3 {
      for row in 0..<6 {
        let (a, b) = (y[row: query], x[row: row])
        let product = zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
        let squares = [a, b].map { $0.reduce(0) { $0 + $1 * $1 } }
        let cosine = product / (squares[0] * squares[1]).squareRoot()
        expectClose(found.values[query, row], cosine, bound: .absolute(1e-14))
      }
    }
    #expect(found.warnings.isEmpty)
    let method = try #require(try RepresentationCatalog.method("similarity"))
    #expect(method.settings.isEmpty)
    let own = try method.scores(of: training, on: training).values
    #expect((0..<6).allSatisfy { abs(own[$0, $0] - 1) < 1e-14 })
  }

  @Test("Rows of zeros have no direction, and examples no self-influence")
  func refusals() throws {
    var zero = features(4, seed: 3)
    for column in 0..<5 { zero[2, column] = 0 }
    let good = try Representations(unlabelled: features(4, seed: 4))
    let bad = try Representations(unlabelled: zero)
    let method = RepresentationSimilarity()
    #expect(message { _ = try method.scores(of: good, on: bad) }.contains("row 2"))
    #expect(message { _ = try method.scores(of: bad, on: good) }.contains("row 2"))
    #expect(message { _ = try method.selfInfluence(on: good) }.contains("similar to itself"))
  }

  @Test("Methods on classes refuse examples without them, of which a file says that there are none")
  func classes() throws {
    let folder = try TemporaryDirectory()
    let written = try Representations(unlabelled: features(4, seed: 5))
    try written.write(to: folder.url)
    let read = try Representations(opening: folder.url)
    #expect(!read.isLabelled && read.labels.isEmpty && read.features == written.features)
    #expect(!read[rows: 1..<3].isLabelled && read[rows: 1..<3].count == 2)
    let labelled = try Representations(features: features(4, seed: 6), labels: [0, 1, 1, 0])
    for method in [RepresenterPoints() as any RepresentationMethod, NeighbourShapley()] {
      for (queries, training) in [(labelled, read), (read, labelled), (read, read)] {
        let said = message { _ = try method.scores(of: queries, on: training) }
        #expect(said.contains("no classes") || said.contains("no last layer"), "\(said)")
      }
      #expect(message { _ = try method.scores(of: read, on: read) }.contains("similarity"))
    }
    #expect(message { _ = try RepresenterPoints().selfInfluence(on: read) }.contains("no classes"))
  }
}
