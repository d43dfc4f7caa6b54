import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Scores of so many training examples that those of one query do not fit in memory.
@Suite("Many examples")
struct ManyExamplesTests {
  let folder: TemporaryDirectory
  private let training: GradientStore
  private let queries: GradientStore

  /// A part of 65,536 rows, and one row more.
  private static let rowCount = 65_536 + 1
  private static let layout = BlockLayout([("a", [2]), ("dead", [1]), ("b", [3])])
  /// Bytes in which not one query's scores fit.
  private static let tight = 1 << 20

  init() throws {
    folder = try TemporaryDirectory()
    var generator = SeededGenerator(seed: 21)
    func store(_ name: String, _ rows: Int) -> GradientStore {
      GradientStore(
        name: name,
        blocks: Self.layout.blocks.map { block in
          (
            block.name, block.shape,
            block.name == "dead"
              ? Matrix<Float>.zeros(rows, block.width)
              : .normal(rows, block.width, using: &generator)
          )
        })
    }
    training = store("train", Self.rowCount)
    queries = store("queries", 2)
  }

  private func curvature(
    _ method: String, budget: Int, certifies: Bool = false,
    precision: CurvatureOptions.Precision = .single, on training: GradientStore? = nil
  ) throws -> Curvature {
    try Curvature(
      fitting: [try EstimatorCatalog.estimator(method)], on: training ?? self.training,
      options: CurvatureOptions(
        certifies: certifies, precision: precision, memoryBudget: budget))
  }

  @Test(
    "Scores that are made some examples at a time are those that are made at once",
    arguments: [
      ("hessian-free", .single), ("datainf", .single), ("exact", .double), ("cosine", .single),
      ("diagonal", .single),
    ] as [(String, CurvatureOptions.Precision)])
  func scores(method: String, precision: CurvatureOptions.Precision) throws {
    let ample = try curvature(method, budget: 1 << 30, precision: precision)
    let tight = try curvature(method, budget: Self.tight, precision: precision)
    func score(
      _ curvature: Curvature, _ rows: Range<Int>, _ form: ScoreDestination.Form,
      _ aggregation: ScoreAggregation = .none
    ) throws -> (summary: ScoreSummary, bytes: Data) {
      let url = folder.file(form == .array ? "s.npy" : "t.csv")
      let summary = try curvature.score(
        queries[rows: rows], into: ScoreDestination(form, in: RecordedFile(at: url)),
        aggregation: aggregation, convention: .influence)
      return (summary, try Data(contentsOf: url))
    }
    // One query at a time, whose products do not depend on how many there are.
    for (rows, form, aggregation) in [
      (0..<1, .array, .none), (0..<2, .array, .mean), (1..<2, .top(4), .none),
    ] as [(Range<Int>, ScoreDestination.Form, ScoreAggregation)] {
      let whole = try score(ample, rows, form, aggregation)
      let parts = try score(tight, rows, form, aggregation)
      #expect(whole.bytes == parts.bytes)
      #expect(whole.summary.warnings == parts.summary.warnings)
      #expect(whole.summary.warnings.contains { $0.contains("zero in block dead") })
      #expect(whole.summary.largest == parts.summary.largest)
      #expect(whole.summary.preview == parts.summary.preview)
    }
    let both = try score(tight, 0..<2, .array).bytes
    for row in 0..<2 {
      let length = 4 * Self.rowCount
      let first = both.count - (2 - row) * length
      #expect(
        try score(tight, row..<row + 1, .array).bytes.suffix(length)
          == both[first..<first + length])
    }
  }

  @Test(
    "Certificates that are made some examples at a time are those that are made at once",
    arguments: ["exact", "exact:accuracy=1e-13", "cg", "lissa", "datainf", "diagonal"],
    CurvatureOptions.Precision.allCases)
  func certificates(method: String, precision: CurvatureOptions.Precision) throws {
    func score(
      _ budget: Int, _ rows: Range<Int>, _ aggregation: ScoreAggregation
    ) throws -> (summary: ScoreSummary, bytes: Data) {
      let url = folder.file("s.npy")
      let curvature = try curvature(
        method, budget: budget, certifies: true, precision: precision)
      // A plan says which of the two ways it will be.
      let plan = RunPlan(
        try RunShape(training: training, queryCount: 1), estimators: curvature.estimators,
        options: curvature.options)
      #expect((plan.examplesAtATime != nil) == (budget == Self.tight))
      let summary = try curvature.score(
        queries[rows: rows], into: .array(at: url), aggregation: aggregation)
      return (summary, try Data(contentsOf: url))
    }
    for (rows, aggregation) in [(0..<1, .none), (0..<2, .mean)] as [(Range<Int>, ScoreAggregation)]
    {
      let whole = try score(1 << 30, rows, aggregation)
      let parts = try score(Self.tight, rows, aggregation)
      #expect(whole.bytes == parts.bytes)
      #expect(whole.summary.bounds == parts.summary.bounds && whole.summary.bounds.count == 1)
      #expect(whole.summary.residuals == parts.summary.residuals)
      #expect(whole.summary.isMeasured == parts.summary.isMeasured)
      #expect(whole.summary.warnings == parts.summary.warnings)
      #expect(
        whole.summary.warnings.contains { $0.contains("not certain") }
          == method.contains("1e-13"))
    }
  }

  @Test("Ids of the examples that are printed are those that were recorded")
  func ids() throws {
    let writer = try GradientStoreWriter(creating: folder.file("store"), layout: Self.layout)
    try writer.append(
      try Self.layout.blocks.indices.map {
        Matrix(try training.rows(0..<Self.rowCount, of: $0, as: Float.self))
      }, ids: (0..<Self.rowCount).map { "id \($0)" })
    try writer.finish()
    let store = try GradientStore(opening: folder.file("store"))
    for (budget, name) in [(1 << 30, "whole.csv"), (Self.tight, "parts.csv")] {
      try curvature("cosine", budget: budget, on: store).score(
        queries[rows: 0..<1], into: .top(3, at: folder.file(name)))
    }
    let parts = try String(contentsOf: folder.file("parts.csv"), encoding: .utf8)
    #expect(try parts == String(contentsOf: folder.file("whole.csv"), encoding: .utf8))
    for entry in try TopTable(at: folder.file("parts.csv"), query: 0).helpful {
      #expect(entry.id == "id \(entry.example)")
    }
  }

  @Test(
    "Self-influence that is computed some examples at a time is that of all at once",
    arguments: ["hessian-free", "datainf", "exact", "cosine"])
  func selfInfluence(method: String) throws {
    let whole = RecordedFile(at: folder.file("whole.npy"))
    let parts = RecordedFile(at: folder.file("parts.npy"))
    let one = try curvature(method, budget: 1 << 30).selfInfluence(into: whole)
    let other = try curvature(method, budget: Self.tight).selfInfluence(into: parts)
    #expect(try Data(contentsOf: whole.url) == Data(contentsOf: parts.url))
    #expect(one.largest == other.largest && one.largest.count == 5)
    #expect(one.warnings == other.warnings && one.exampleCount == other.exampleCount)
    let values = try curvature(method, budget: 1 << 30).selfInfluence()[0].values
    #expect(one.largest == (try TopExamples(of: values, count: 5).helpful))
  }

  @Test("Scores that float32 cannot hold, and rows without a gradient, are told in parts too")
  func warnings() throws {
    var rows = Matrix<Float>.zeros(Self.rowCount, 1)
    for row in 0..<Self.rowCount { rows[row, 0] = row < 7 ? 0 : row < 20 ? 1e-22 : 1e-19 }
    let training = GradientStore(name: "small", blocks: [("w", [1], rows)])
    let query = GradientStore(
      blocks: [("w", [1], Matrix<Float>(rows: 1, columns: 1, elements: [1e-19]))])
    var found: [[String]] = []
    for budget in [1 << 30, Self.tight] {
      let summary = try curvature(
        "hessian-free", budget: budget, precision: .double, on: training
      ).score(query, into: .array(at: folder.file("s.npy")))
      found.append(summary.warnings)
    }
    #expect(found[0] == found[1] && found[0].count == 2)
    #expect(found[0].contains { $0.contains("7 examples have a zero gradient") })
    #expect(found[0].contains { $0.contains("too small for the float32 of files") })
  }

  @Test("What must be held for all examples and does not fit is refused, as the plan says")
  func refused() throws {
    // Norms that nobody recorded take 8 bytes in each of 200 blocks: 105 MB.
    let rows = Matrix<Float>(repeating: 1, rows: Self.rowCount, columns: 1)
    let training = GradientStore(
      name: "many", blocks: (0..<200).map { ("block \($0)", [1], rows) })
    let query = training[rows: 0..<1]
    for (certifies, budget, starts) in [
      (true, 1 << 20, false), (true, 60 << 20, true), (true, 1 << 30, true),
      (false, 1 << 20, false),
    ] {
      let curvature = try curvature(
        "hessian-free", budget: budget, certifies: certifies, on: training)
      let plan = RunPlan(
        try RunShape(training: training, queryCount: 1), estimators: curvature.estimators,
        options: curvature.options)
      #expect(plan.starts == starts)
      let result = Result {
        try curvature.score(query, into: .array(at: folder.file("s.npy")))
      }
      switch result {
      case .success: #expect(starts)
      case .failure(InfluenceError.tooManyExamples("many", Self.rowCount, let bytes, budget, false)):
        #expect(!starts && bytes > budget + (64 << 20))
      case .failure(let error): Issue.record(error)
      }
    }
  }

  @Test("A plan counts parts where a run works in parts")
  func plan() throws {
    for (method, certifies, isInParts) in [
      ("exact", false, true), ("hessian-free", false, true), ("cosine", true, true),
      ("exact", true, true), ("datainf", true, true), ("pcg", false, false),
      ("relatif-l", false, false),
    ] {
      let plan = RunPlan(
        RunShape(exampleCount: 20_000_000, queryCount: 3, columnCount: 4, blockCount: 1),
        estimators: [try EstimatorCatalog.estimator(method)],
        options: CurvatureOptions(certifies: certifies, memoryBudget: 100_000_000))
      #expect((plan.examplesAtATime != nil) == isInParts, "\(method)")
      #expect(plan.fits == isInParts && plan.starts == isInParts, "\(method)")
      #expect((plan.peakBytes <= 100_000_000) == isInParts, "\(method)")
    }
  }
}
