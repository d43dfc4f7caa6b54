import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Products of rows that are kept as factors, against the same rows multiplied out and against numpy's numbers
/// (scripts/oracles/factored_store.py).
@Suite("Products of factors")
struct FactoredProductsTests {
  let folder: TemporaryDirectory
  /// Of rank 1 and 2, K is cheaper from factors in the first two blocks; the third is kept as it is.
  static let layout = BlockLayout([("a", [9, 40]), ("b", [30, 8]), ("c", [11])])

  init() throws { folder = try TemporaryDirectory() }

  private static func gradients(_ rows: Int, seed: UInt64) -> [Matrix<Float>] {
    var generator = SeededGenerator(seed: seed)
    return layout.blocks.map { Matrix<Float>.normal(rows, $0.width, using: &generator) }
  }

  private func store(
    _ name: String, rows: Int, rank: Int?, type: ElementType = .float16, seed: UInt64
  ) throws -> GradientStore {
    let writer = try GradientStoreWriter(
      creating: folder.file(name), layout: Self.layout, elementType: type, factorRank: rank)
    try writer.append(Self.gradients(rows, seed: seed))
    try writer.finish()
    return try GradientStore(opening: folder.file(name))
  }

  /// The same rows in double precision, multiplied out.
  private func expanded(_ store: GradientStore) throws -> GradientStore {
    GradientStore(
      name: "expanded",
      blocks: try store.layout.blocks.enumerated().map { index, block in
        (
          block.name, block.shape,
          Matrix(try store.rows(0..<store.count, of: index, as: Double.self))
        )
      })
  }

  /// Sums of 360 products of numbers up to 5 in single precision.
  @Test(
    "K is that of the rows multiplied out", arguments: [1, 2, 4],
    [ElementType.float16, .int8, .float64])
  func kernel(rank: Int, type: ElementType) throws {
    let training = try store("train", rows: 70, rank: rank, type: type, seed: 1)
    for block in Self.layout.blocks.indices {
      let rows = Matrix(try training.rows(0..<70, of: block, as: Double.self))
      let expected = Naive.product(rows, Naive.transpose(rows))
      expectClose(
        try GradientPass<Float>(over: training, block: block).kernel(), expected,
        bound: .relative(1e-5))
      expectClose(
        try GradientPass<Double>(over: training, block: block).kernel(), expected,
        bound: .relative(1e-13))
    }
  }

  @Test("Factors are multiplied where that takes fewer operations, and else multiplied out")
  func choice() throws {
    for (rank, isDirect) in [(1, true), (2, true), (4, false)] {
      let training = try store("train-\(rank)", rows: 20, rank: rank, seed: 1)
      let queries = try store("query-\(rank)", rows: 3, rank: rank, seed: 2)
      let pass = GradientPass<Float>(over: training, block: 0)
      #expect(try (pass.factoredKernelSum() != nil) == isDirect)
      let rows = try #require(try queries.factorRows(0..<3, of: 0, as: Float.self))
      #expect(try (pass.products(of: rows, with: 0..<20) != nil) == isDirect)
      #expect(try queries.factorRows(0..<3, of: 2, as: Float.self) == nil)
    }
    let whole = try store("whole", rows: 20, rank: nil, type: .float32, seed: 1)
    #expect(try GradientPass<Float>(over: whole, block: 0).factoredKernelSum() == nil)
  }

  static let pairs: [(train: Int?, query: Int?)] = [(1, 1), (2, 1), (1, nil), (nil, 2), (4, 4)]

  @Test("C is that of the rows multiplied out, of any part of the examples", arguments: pairs)
  func cross(train: Int?, query: Int?) throws {
    let training = try store(
      "train", rows: 300, rank: train, type: train == nil ? .float32 : .int8, seed: 1)
    let queries = try store(
      "query", rows: 5, rank: query, type: query == nil ? .float32 : .float16, seed: 2)
    for block in Self.layout.blocks.indices {
      guard let rows = try queries.factorRows(0..<5, of: block, as: Double.self),
        let found = try GradientPass<Double>(over: training, block: block)
          .products(of: rows, with: 17..<290)
      else { continue }
      let (v, g) = (
        Matrix(try queries.rows(0..<5, of: block, as: Double.self)),
        Matrix(try training.rows(17..<290, of: block, as: Double.self))
      )
      expectClose(found, Naive.product(v, Naive.transpose(g)), bound: .relative(1e-13))
    }
  }

  /// Of Arnoldi few steps: 30 amplify the rounding of a product 10¹¹ times, as numpy shows on such rows, and 8 a hundred times.
  private static let methods = EstimatorCatalog.names.filter { name in
    (try? EstimatorCatalog.estimator(name))?.inputs.isEmpty == true
  }.map { $0 == Arnoldi.name ? "\($0):rank=3,steps=8" : $0 }

  @Test("Every method scores factors as the rows multiplied out", arguments: methods)
  func scores(method: String) throws {
    let training = try store("train", rows: 40, rank: 1, seed: 1)
    let queries = try store("query", rows: 6, rank: 1, seed: 2)
    let estimator = try EstimatorCatalog.estimator(method)
    for side in Side.allCases where estimator.works(on: side) {
      let options = CurvatureOptions(
        costModel: CostModel(request: side == .score ? .score : .query), precision: .double)
      func scores(_ training: GradientStore, _ queries: GradientStore) throws -> Scores {
        try Curvature(fitting: [estimator], on: training, options: options).scores(of: queries)[0]
      }
      let found = try scores(training, queries)
      let expected = try scores(expanded(training), expanded(queries))
      // Rounding of sums in another order; steps of iterations amplify that.
      expectClose(found.values, expected.values, bound: .relative(1e-6), "\(method) \(side)")
    }
  }

  @Test("Single precision is certified as for whole rows")
  func certified() throws {
    let training = try store("train", rows: 60, rank: 1, seed: 1)
    let queries = try store("query", rows: 6, rank: 1, seed: 2)
    let options = CurvatureOptions(costModel: CostModel(request: .score))
    let exact = CurvatureOptions(
      costModel: CostModel(request: .score), certifies: false, precision: .double)
    for estimator in [ExactFisher(), DataInf()] as [any Estimator] {
      let found = try Curvature(fitting: [estimator], on: training, options: options)
        .scores(of: queries)[0]
      let expected = try Curvature(fitting: [estimator], on: expanded(training), options: exact)
        .scores(of: expanded(queries))[0]
      #expect(found.certificate != nil)
      expectClose(found.values, expected.values, bound: .relative(1e-4))
    }
  }

  @Test("Divided rows give the same, and so do shards")
  func divided() throws {
    let training = try store("train", rows: 41, rank: 1, seed: 1)
    let queries = try store("query", rows: 6, rank: 1, seed: 2)
    @Sendable func scores(
      _ training: GradientStore, _ reduction: (any Reduction)?
    ) throws -> Matrix<Double> {
      var options = CurvatureOptions(
        costModel: CostModel(request: .score), precision: .double)
      if let reduction { options.reduction = reduction }
      return try Curvature(fitting: [ExactFisher()], on: training, options: options)
        .scores(of: queries)[0].values
    }
    let expected = try scores(training, nil)
    for values in try RowExchange(parts: 3).run({ try scores(training, $0) }) {
      expectClose(values, expected, bound: .relative(1e-9))
    }
    _ = try StoreSplit(
      of: training, shards: StoreSplit.ranges(of: 41, shards: 4), into: folder.file("shards")
    ).run()
    let shards = try GradientStore(opening: folder.file("shards"))
    expectClose(try scores(shards, nil), expected, bound: .relative(1e-9))
    // Queries some at a time are parts of their store.
    let whole = try Curvature(
      fitting: [DataInf()], on: training,
      options: CurvatureOptions(costModel: CostModel(request: .score), precision: .double))
    let all = try whole.scores(of: queries)[0].values
    let part = try whole.scores(of: queries[rows: 2..<5])[0].values
    expectClose(part, Matrix(all.view[rows: 2..<5]), bound: .relative(1e-9))
  }

  @Test(
    "A plan counts what a run does with factors", arguments: [1, 2, 4],
    ["hessian-free", "datainf", "exact"])
  func planned(rank: Int, method: String) throws {
    let training = try store("train", rows: 50, rank: rank, type: .int8, seed: 1)
    let queries = try store("query", rows: 20, rank: rank, seed: 2)
    let estimator = try EstimatorCatalog.estimator(method)
    for side in Side.allCases {
      for certifies in [false, true] {
        let meter = RunMeter()
        let options = CurvatureOptions(
          costModel: CostModel(request: side == .score ? .score : .query), certifies: certifies,
          meter: meter)
        let plan = RunPlan(
          try RunShape(training: training, queries: queries), estimators: [estimator],
          options: options)
        _ = try Curvature(fitting: [estimator], on: training, options: options).scores(of: queries)
        let stages = plan.stages.filter { $0.name != .norms }
        let label = "\(method), \(side) side, rank \(rank), certificate \(certifies)"
        #expect(
          Double(meter.work.bytes) == stages.reduce(0) { $0 + $1.storeBytes }, "\(label)")
        let operations = stages.reduce(0) { $0 + $1.gradientOperations }
        #expect(
          abs(Double(meter.work.operations) - operations) <= 0.1 * operations,
          "\(label): \(meter.work.operations) where \(operations) were planned")
      }
    }
  }

  private struct Expected: Decodable {
    let cases: [Case]
    struct Case: Decodable {
      let block: String
      let outputs, inputs, rank: Int
      let captured: Double
      let kernel, cross: [Double]
    }
  }

  @Test("What is kept, K and C are those of numpy's truncated decompositions")
  func oracle() throws {
    let fixture = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
      .appending(path: "factored/expected.json")
    let expected = try JSONDecoder().decode(Expected.self, from: Data(contentsOf: fixture))
    #expect(expected.cases.count == 6)
    for (index, given) in expected.cases.enumerated() {
      func store(_ name: String, _ rows: Range<Int>) throws -> GradientStore {
        var numbers: [Double] = []
        for row in rows {
          for i in 0..<given.outputs {
            for j in 0..<given.inputs {
              let angle = 1.7 * Double(i) + 0.9 * Double(j) + Double(row)
              numbers.append(
                sin(0.37 * Double((i + 1) * (j + 2) * (row + 1))) + 0.2 * sin(angle))
            }
          }
        }
        let url = folder.file("\(name)-\(index)")
        let writer = try GradientStoreWriter(
          creating: url, layout: BlockLayout([(given.block, [given.outputs, given.inputs])]),
          elementType: .float64, factorRank: given.rank)
        try writer.append([
          Matrix(rows: rows.count, columns: given.outputs * given.inputs, elements: numbers)
        ])
        try writer.finish()
        return try GradientStore(opening: url)
      }
      let (training, queries) = (try store("train", 0..<8), try store("query", 8..<11))
      let captured = try #require(training.factorFidelity?[0].captured)
      let isExact = min(given.outputs, given.inputs) <= LowRankFactors.largestGram
      // Rows of this block have many nearly equal singular values, where iteration is slowest: 1.2 · 10⁻⁵ were left.
      expectClose(captured, given.captured, bound: .relative(isExact ? 1e-10 : 1e-4))
      guard isExact else { continue }
      let pass = GradientPass<Double>(over: training, block: 0)
      expectClose(try pass.kernel().elements, given.kernel, bound: .relative(1e-9))
      let rows = try #require(try queries.factorRows(0..<3, of: 0, as: Double.self))
      let products =
        try pass.products(of: rows, with: 0..<8)
        ?? pass.products(queries.rows(0..<3, of: 0, as: Double.self))
      expectClose(products.elements, given.cross, bound: .relative(1e-9))
    }
  }
}
