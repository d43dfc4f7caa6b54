import Foundation
import InfluenceKit
import TestSupport
import Testing

/// An index of a training store: rows that raw query gradients are multiplied with.
@Suite("Indexes")
struct ScoreIndexTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory(inMemory: ()) }

  /// Writes an index of one method, and opens it.
  private func makeIndex(
    _ method: String, on training: GradientStore, _ type: ElementType = .float32,
    precision: CurvatureOptions.Precision = .double, name: String = "index"
  ) throws -> (index: ScoreIndex, curvature: Curvature) {
    let curvature = try Curvature(
      fitting: [try EstimatorCatalog.estimator(method)], on: training,
      options: CurvatureOptions(
        damping: .relative(0.5), certifies: false, precision: precision))
    _ = try curvature.writeIndex(to: folder.file(name), elementType: type)
    return (try ScoreIndex(opening: folder.file(name)), curvature)
  }

  /// Clustered rows of two blocks, so that scores have a top.
  private func stores(
    rows: Int, queries: Int, seed: UInt64 = 5
  ) throws -> (training: GradientStore, queries: GradientStore) {
    var generator = SeededGenerator(seed: seed)
    let widths = [40, 24]
    let centres = widths.map { Matrix<Double>.normal(8, $0, using: &generator) }
    func store(_ count: Int, _ name: String) throws -> GradientStore {
      var blocks = widths.map { Matrix<Double>.normal(count, $0, using: &generator) }
      for row in 0..<count {
        let cluster = generator.index(below: 8)
        for block in blocks.indices {
          for column in 0..<widths[block] {
            blocks[block][row, column] += 2 * centres[block][cluster, column]
          }
        }
      }
      let writer = try GradientStoreWriter(
        creating: folder.file(name), layout: BlockLayout([("a", [5, 8]), ("b", [24])]))
      try writer.append(
        blocks.map { Matrix<Float>(converting: $0) },
        labels: (0..<count).map { "\($0 % 3)" })
      try writer.finish()
      return try GradientStore(opening: folder.file(name))
    }
    return (try store(rows, "train"), try store(queries, "query"))
  }

  private static let methods = EstimatorCatalog.names.filter { method in
    guard let estimator = try? EstimatorCatalog.estimator(method) else { return false }
    return estimator.isLinear && estimator.normalization != .bothSelfInfluences
  }

  @Test("hold the scores of every method that can be indexed", arguments: methods)
  func scores(method: String) throws {
    let stores = try ModelStores()
    let training = stores.training(for: method)
    let queries = method == "logra" ? stores.projected[rows: 2..<7] : stores.queries
    let (index, curvature) = try makeIndex(ModelStores.specification(method), on: training)
    let scores = try curvature.scores(of: queries)[0].values
    let results = try index.search(queries, SearchOptions(top: training.count))
    let largest = scores.elements.reduce(0) { max($0, abs($1)) }
    for (query, result) in results.queries.enumerated() {
      #expect(result.top.helpful.count == training.count)
      for entry in result.top.helpful {
        // Rows and queries are rounded to single precision.
        #expect(abs(entry.score - scores[query, entry.example]) <= 1e-5 * largest)
      }
    }
  }

  @Test(
    "give the top of `score --top`", arguments: [ElementType.float32, .float16, .int8])
  func top(type: ElementType) throws {
    let (training, queries) = try stores(rows: 500, queries: 9)
    let (index, curvature) = try makeIndex("exact", on: training, type)
    let scores = try curvature.scores(of: queries)[0].values
    let expected = try TopExamples.all(of: scores, count: 10)
    let plain = try index.search(queries, SearchOptions(top: 10))
    let exact = try index.search(
      queries, SearchOptions(top: 10, reranking: curvature, candidates: 100))
    for query in 0..<queries.count {
      if type == .float32 {
        #expect(
          plain.queries[query].top.helpful.map(\.example)
            == expected[query].helpful.map(\.example))
      }
      let found = exact.queries[query]
      // A hundred candidates of 500 rows leave no doubt.
      #expect(found.certainHelpful == 10 && found.certainHarmful == 10)
      #expect(found.top.helpful.map(\.example) == expected[query].helpful.map(\.example))
      #expect(found.top.harmful.map(\.example) == expected[query].harmful.map(\.example))
    }
    #expect(exact.certainShare == 1 && exact.certainQueries == queries.count)
    let recall = try index.recall(of: exact, for: queries, sample: [0, 4, 8], by: curvature)
    #expect(recall == 1)
  }

  @Test(
    "What is called certain is in the exact top, however few the candidates",
    arguments: [(ElementType.int8, 10), (.int8, 12), (.float16, 10), (.float32, 10)])
  func certainty(type: ElementType, candidates: Int) throws {
    let (training, queries) = try stores(rows: 2000, queries: 40, seed: 8)
    let (index, curvature) = try makeIndex("datainf", on: training, type)
    let scores = try curvature.scores(of: queries)[0].values
    let expected = try TopExamples.all(of: scores, count: 10)
    for reranking in [nil, curvature] {
      let results = try index.search(
        queries,
        SearchOptions(
          top: 10, reranking: reranking, candidates: reranking == nil ? nil : candidates))
      var certain = 0
      for (query, result) in results.queries.enumerated() {
        let right = Set(expected[query].helpful.map(\.example))
        let count = try #require(result.certainHelpful)
        certain += count
        let hits = result.top.helpful.count { right.contains($0.example) }
        #expect(hits >= count)
        if reranking != nil {
          // The certain ones come first.
          #expect(result.top.helpful.prefix(count).allSatisfy { right.contains($0.example) })
        }
      }
      if type != .int8 { #expect(certain > 200) }
    }
  }

  @Test("The bound holds where all that int8 loses adds up")
  func adversary() throws {
    // One large number sets the scale, and all others lie half a step from an integer of it.
    let width = 64
    var rows = Matrix<Float>.zeros(40, width)
    for row in 0..<40 {
      rows[row, 0] = 127
      for column in 1..<width { rows[row, column] = row.isMultiple(of: 2) ? 0.4999 : -0.4999 }
      rows[row, 1 + row] += Float(row) * 0.001
    }
    let training = GradientStore(blocks: [("a", [width], rows)])
    var query = Matrix<Float>(repeating: 1, rows: 1, columns: width)
    query[0, 0] = 0
    let queries = GradientStore(blocks: [("a", [width], query)])
    let (index, curvature) = try makeIndex("hessian-free", on: training, .int8)
    let scores = try curvature.scores(of: queries)[0].values
    let result = try index.search(queries, SearchOptions(top: 40)).queries[0]
    let bound = try #require(result.bound)
    var worst = 0.0
    for entry in result.top.helpful {
      worst = max(worst, abs(entry.score - scores[0, entry.example]))
      #expect(abs(entry.score - scores[0, entry.example]) <= bound)
    }
    // And it is no larger than what happens here.
    #expect(worst > 0.9 * bound)
    let few = try index.search(queries, SearchOptions(top: 5)).queries[0]
    #expect(few.certainHelpful == 0)
  }

  @Test("Rows far from 1 are kept in float16")
  func scale() throws {
    for factor in [Float(1e-9), 1e9] {
      var generator = SeededGenerator(seed: 3)
      var rows = Matrix<Float>(converting: Matrix<Double>.normal(30, 16, using: &generator))
      rows.scale(by: factor)
      let store = GradientStore(blocks: [("a", [16], rows)])
      let (index, curvature) = try makeIndex(
        "exact", on: store, .float16, name: "index\(factor)")
      let scores = try curvature.scores(of: store)[0].values
      let results = try index.search(store, SearchOptions(top: 30))
      for (query, result) in results.queries.enumerated() {
        let bound = try #require(result.bound)
        for entry in result.top.helpful {
          #expect(abs(entry.score - scores[query, entry.example]) <= bound)
        }
      }
    }
  }

  @Test("Rows are chosen by what is known of the examples")
  func filter() throws {
    let (training, queries) = try stores(rows: 300, queries: 4)
    let (index, curvature) = try makeIndex("exact", on: training)
    let rows = try index.rows(where: ["label": ["1"]])
    #expect(rows.count(where: \.self) == 100)
    let scores = try curvature.scores(of: queries)[0].values
    let results = try index.search(queries, SearchOptions(top: 200, rows: rows))
    for (query, result) in results.queries.enumerated() {
      let wanted = (0..<300).filter { $0 % 3 == 1 }
        .sorted { scores[query, $0] > scores[query, $1] }
      #expect(result.top.helpful.map(\.example) == wanted)
      #expect(result.certainHelpful == 100)
    }
    #expect(results.rowCount == 100)
    #expect(throws: IndexError.unknownKey(path: index.store.name, key: "source", known: ["label"]))
    {
      try index.rows(where: ["source": ["web"]])
    }
    #expect(throws: IndexError.self) { try index.rows(where: ["label": ["9"]]) }
  }

  @Test("Groups of blocks, and queries with blocks in another order")
  func groups() throws {
    let (training, queries) = try stores(rows: 120, queries: 5)
    let grouped = try training.partitioned(by: .all)
    let (index, curvature) = try makeIndex("exact", on: grouped)
    #expect(index.store.layout == training.layout)
    let turned = GradientStore(
      blocks: try [1, 0].map { block in
        let known = queries.layout.blocks[block]
        return (
          known.name, known.shape,
          Matrix(try queries.rows(0..<queries.count, of: block, as: Float.self))
        )
      })
    let scores = try curvature.scores(of: queries.partitioned(by: .all))[0].values
    let expected = try TopExamples.all(of: scores, count: 7)
    for store in [queries, turned] {
      let results = try index.search(
        store, SearchOptions(top: 7, reranking: store.kind == .memory ? nil : curvature))
      for (result, expected) in zip(results.queries, expected) {
        #expect(result.top.helpful.map(\.example) == expected.helpful.map(\.example))
      }
    }
  }

  @Test("What cannot be indexed, or does not go together, is refused")
  func refused() throws {
    let (training, queries) = try stores(rows: 60, queries: 3)
    #expect(throws: IndexError.dividesQueries(method: TrackStar.name)) {
      // The method reads a file of the folder, which goes with the stores.
      let model = try ModelStores()
      try withExtendedLifetime(model) {
        _ = try makeIndex("trackstar", on: model.training, name: "no")
      }
    }
    #expect(throws: InfluenceError.self) { try makeIndex("rescaled", on: training, name: "no") }
    let (index, _) = try makeIndex("exact", on: training)
    #expect(throws: IndexError.isAnIndex(path: index.store.name)) {
      try Curvature(fitting: [DataInf()], on: index.store)
    }
    #expect(throws: IndexError.notAnIndex(path: training.name)) { try ScoreIndex(training) }
    let other = GradientStore(blocks: [("c", [3], Matrix<Float>.zeros(2, 3))])
    #expect(throws: InfluenceError.self) { try index.search(other, SearchOptions(top: 1)) }
    for (estimator, damping) in [
      (DataInf() as any Estimator, Damping.relative(0.5)), (ExactFisher(), .relative(0.1)),
    ] {
      let curvature = try Curvature(
        fitting: [estimator], on: training, options: CurvatureOptions(damping: damping))
      #expect(throws: IndexError.self) {
        try index.search(queries, SearchOptions(top: 1, reranking: curvature))
      }
    }
    // A copy in another type was rounded twice.
    _ = try StoreCopy(of: index.store, to: folder.file("copy"), elementType: .int8).run()
    #expect(throws: IndexError.self) { try ScoreIndex(opening: folder.file("copy")) }
  }
}
