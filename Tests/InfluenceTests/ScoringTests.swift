import InfluenceKit
import Foundation
import TensorFiles
import TestSupport
import Testing

/// Scores that go into files, a batch of queries at a time.
@Suite("Scores into files")
struct ScoringTests {
  let folder: TemporaryDirectory
  let problem = Problem.standard

  init() throws { folder = try TemporaryDirectory(inMemory: ()) }

  private func curvature(
    _ method: String = "datainf", memory: Int? = nil, certifies: Bool = true
  ) throws -> Curvature {
    try Curvature(
      fitting: [try EstimatorCatalog.estimator(method)], on: problem.training(.double),
      options: CurvatureOptions(
        certifies: certifies, precision: .double, memoryBudget: memory, meter: RunMeter()))
  }

  private var queries: GradientStore { problem.queries(.double) }

  private func array(_ name: String) throws -> Matrix<Float> {
    try NumpyFile(opening: folder.file(name)).matrix(as: Float.self)
  }

  private func record(_ name: String) throws -> OrderedJSON {
    try OrderedJSON(contentsOf: folder.file(name))
  }

  /// What a record says but for times.
  private func settled(_ record: OrderedJSON) -> [OrderedJSON?] {
    [
      "format", "method", "settings", "damping", "convention", "aggregate", "rows", "columns",
      "axes", "shape", "block_names", "top", "partition", "precision", "fit", "blocks", "train",
      "query", "certificate", "convergence", "warnings", "versions", "command",
    ].map { record[$0] }
  }

  @Test(
    "The array holds the scores with the sign that was asked for", arguments: Aggregation.allCases)
  func arrays(aggregation: Aggregation) throws {
    let curvature = try curvature()
    let scores = try curvature.scores(of: queries, aggregation: aggregation)[0]
    for convention in ScoreConvention.allCases {
      let summary = try curvature.score(
        queries, into: .array(at: folder.file("s.npy")),
        aggregation: aggregation == .mean ? .mean : .none, convention: convention)
      #expect(
        try array("s.npy") == Matrix<Float>(converting: scores.values(in: convention)))
      #expect(try record("s.npy.json")["convention"]?.string == convention.rawValue)
      // Written in single precision, a score is off by another 2⁻²⁴ of its size.
      let bounds = try #require(scores.certificate).errorBounds()
      #expect(summary.bounds.count == bounds.count)
      for (query, (written, bound)) in zip(summary.bounds, bounds).enumerated() {
        let largest = scores.values[row: query].map(abs).max() ?? 0
        #expect(written >= bound + 0x1p-24 * largest)
        #expect(written <= bound + 0x1p-23 * (largest + bound))
      }
      #expect(summary.residuals == scores.certificate?.relativeResiduals)
      #expect(summary.largest == scores.values.elements.map(abs).max())
    }
  }

  @Test("Batches give the bytes and the record of all queries at once")
  func batches() throws {
    // Nothing fits in one byte, so that one query is scored at a time.
    let few = try curvature(memory: 1)
    #expect(few.queriesAtATime(of: queries.count) == 1)
    for (name, form) in [
      ("a.npy", ScoreDestination.Form.array), ("b.npy", .blockShares), ("t.csv", .top(3)),
    ] {
      try curvature().score(
        queries, into: ScoreDestination(form, in: RecordedFile(at: folder.file(name))))
      let url = folder.file("few-" + name)
      let summary = try few.score(
        queries, into: ScoreDestination(form, in: RecordedFile(at: url)))
      #expect(try Data(contentsOf: url) == Data(contentsOf: folder.file(name)))
      #expect(summary.queryCount == queries.count)
    }
  }

  @Test("Scores in memory are written as scores that go straight into a file")
  func inMemory() throws {
    let curvature = try curvature("exact")
    let details = RecordDetails(program: ["versions": ["program": "1"], "command": ["score"]])
    try curvature.score(queries, into: .array(at: folder.file("a.npy")), details: details)
    let scores = try curvature.scores(of: queries)[0]
    try scores.write(to: folder.file("b.npy"), details: details)
    #expect(try Data(contentsOf: folder.file("a.npy")) == Data(contentsOf: folder.file("b.npy")))
    let written = try record("b.npy.json")
    #expect(settled(written) == settled(try record("a.npy.json")))
    #expect(settled(written) == settled(try scores.record(details: details)))
    // What the program adds comes last, before what every record of a file has.
    let text = try written.serialized()
    #expect(text.contains(#","versions":{"program":"1"},"command":["score"],"results":{"#))
    #expect(text.contains(#"},"checksum":""#))
    #expect(written["versions"] == ["program": "1"])
    #expect(!settled(written).contains(nil))
    #expect(written["damping"]?.string == Damping.standard.description)
    #expect(written["blocks"]?.array?.count == problem.blocks.count)
    #expect(written["partition"]?.string == "tensor")
  }

  @Test("A table has the top of each query, and the record says so")
  func table() throws {
    let curvature = try curvature()
    let url = folder.file("t.csv")
    let summary = try curvature.score(queries, into: .top(3, at: url), convention: .influence)
    let scores = try curvature.scores(of: queries)[0]
    let narrow = try TopExamples.all(of: Matrix<Float>(converting: scores.values), count: 3)
    #expect(try TopTable.isTable(at: url))
    #expect(summary.preview == narrow[0])
    for (query, top) in narrow.enumerated() {
      let table = try TopTable(at: url, query: query)
      #expect(table.helpful.map(\.example) == top.helpful.map(\.example))
      #expect(table.harmful.map(\.example) == top.harmful.map(\.example))
      #expect(table.helpful.map(\.score) == top.helpful.map { -$0.score })
    }
    #expect(try record("t.csv.json")["top"]?.integer == 3)
    #expect(try record("t.csv.json")["format"]?.string == "influencekit-top-scores")
  }

  @Test(
    "A table whose numbers are no rows is damaged, and its line is named",
    arguments: [
      "9223372036854775807,,helpful,1,2", "0,,helpful,1,9223372036854775807", "-1,,helpful,1,2",
    ])
  func damagedTable(line: String) throws {
    let url = try folder.write(
      Array("query,query_id,side,rank,example,id,score\r\n\(line),a,0.5\r\n".utf8), to: "d.csv")
    #expect(throws: InfluenceError.self) { try TopTable(at: url, query: 0) }
  }

  @Test("Shares of blocks sum to the scores")
  func shares() throws {
    let curvature = try curvature()
    try curvature.score(queries, into: .blockShares(at: folder.file("b.npy")))
    let file = try NumpyFile(opening: folder.file("b.npy"))
    #expect(file.shape == [queries.count, problem.exampleCount, problem.blocks.count])
    let values = try file.matrix(as: Double.self).elements
    let scores = try curvature.scores(of: queries)[0].values
    let count = problem.blocks.count
    let sums = scores.elements.indices.map { values[$0 * count..<($0 + 1) * count].reduce(0, +) }
    expectClose(sums, scores.elements, bound: .relative(1e-6))
    #expect(try record("b.npy.json")["block_names"]?.array?.count == count)
  }

  @Test("Ensembles are written as they are summed, whatever fits in memory")
  func ensembles() throws {
    let ensemble = try ScoreEnsemble(
      [0.5, 2].map {
        .init(weight: $0, training: problem.training(.double), queries: queries)
      })
    let estimator = HessianFree()
    for memory in [1, 1 << 30] {
      let options = CurvatureOptions(precision: .double, memoryBudget: memory)
      let url = folder.file("e.npy")
      try ensemble.score(by: estimator, into: .array(at: url), options: options)
      let expected = try ensemble.scores(by: estimator, options: options).values
      #expect(try array("e.npy") == Matrix<Float>(converting: expected))
      let weights = try record("e.npy.json")["members"]?.array?.compactMap { $0["weight"]?.number }
      #expect(weights == [0.5, 2])
      _ = try ensemble.selfInfluence(
        by: estimator, into: RecordedFile(at: url), options: options)
      let own = try ensemble.selfInfluence(by: estimator, options: options).values
      #expect(try array("e.npy").elements == own.map { Float($0) })
    }
  }

  @Test("The mean over representations does not depend on how many queries fit in memory")
  func representations() throws {
    let features = problem.blocks[0]
    let training = RepresentedExamples(
      try Representations(
        features: features.gradients, labels: (0..<problem.exampleCount).map { $0 % 2 }))
    let some = RepresentedExamples(
      try Representations(
        features: features.queries, labels: (0..<problem.queryCount).map { $0 % 2 }))
    let method = NeighbourShapley(neighbours: 3)
    let whole = try method.scores(of: some.representations, on: training.representations)
    for memory in [1, 1 << 30] {
      try method.score(
        some, on: training, into: .array(at: folder.file("r.npy")), memoryBudget: memory)
      #expect(try array("r.npy") == Matrix<Float>(converting: whole.values))
      try method.score(
        some, on: training, into: .array(at: folder.file("m.npy")), aggregation: .mean,
        convention: .influence, memoryBudget: memory)
      let mean = whole.values.meanRow().elements.map { -$0 }
      expectClose(
        try array("m.npy").elements.map(Double.init), mean, bound: .relative(1e-6))
    }
    #expect(try record("r.npy.json")["train"]?["rows"]?.integer == problem.exampleCount)
  }

  @Test("Self-influence is written with its record, whole or by blocks")
  func selfInfluence() throws {
    let curvature = try curvature("exact", certifies: false)
    let own = try curvature.selfInfluence()[0].values
    let written = try curvature.selfInfluence(into: RecordedFile(at: folder.file("o.npy")))
    #expect(written.largest == (try TopExamples(of: own, count: 5).helpful))
    #expect(try array("o.npy").elements == own.map { Float($0) })
    #expect(try record("o.npy.json")["format"]?.string == "influencekit-self-influence")
    _ = try curvature.selfInfluence(
      into: RecordedFile(at: folder.file("p.npy")), perBlock: true)
    #expect(try array("p.npy").columns == problem.blocks.count)
  }

  @Test("Scores beyond float32 are refused, and an earlier file with its record stays")
  func narrow() throws {
    let url = folder.file("s.npy")
    try curvature().score(queries, into: .array(at: url))
    let before = try (Data(contentsOf: url), record("s.npy.json"))
    let huge = Problem(
      gradients: Matrix(rows: 2, columns: 1, elements: [1e30, -1e30]),
      queries: Matrix(rows: 1, columns: 1, elements: [1e30]))
    let wide = try Curvature(
      fitting: [HessianFree()], on: huge.training(.double),
      options: CurvatureOptions(certifies: false, precision: .double))
    #expect {
      try wide.score(huge.queries(.double), into: .array(at: url))
    } throws: { error in
      guard case InfluenceError.exceedsSingle(url.path, _) = error else { return false }
      return true
    }
    #expect(try Data(contentsOf: url) == before.0 && record("s.npy.json") == before.1)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
        "s.npy", "s.npy.json",
      ])
  }

  @Test("Warnings are reworded for the record, and are the library's own in the summary")
  func wording() throws {
    let details = RecordDetails { $0.uppercased() }
    // An example without a gradient is worth a warning.
    let store = GradientStore(
      blocks: [("w", [2], Matrix<Double>(rows: 3, columns: 2, elements: [1, 2, 0, 0, 3, 1]))])
    let summary = try Curvature(fitting: [DataInf()], on: store).score(
      store, into: .array(at: folder.file("s.npy")), details: details)
    // One as a training example, and one as a query.
    #expect(summary.warnings.count == 2)
    #expect(summary.warnings.allSatisfy { $0.contains("zero gradient") })
    #expect(
      try record("s.npy.json")["warnings"]?.array?.compactMap(\.string)
        == summary.warnings.map { $0.uppercased() })
  }
}
