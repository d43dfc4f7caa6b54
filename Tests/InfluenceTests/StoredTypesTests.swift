import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Scores may depend on what the gradients are, never on how or in how many shards they are stored.
@Suite("Stored types and shards")
struct StoredTypesTests {
  private static let shapes: [(name: String, shape: [Int])] = [("a", [4, 9]), ("b", [150])]

  /// Gradients of both blocks, of rank 5 plus noise.
  private static func gradients(_ count: Int, stream: UInt64) -> [Matrix<Float>] {
    shapes.enumerated().map { index, entry in
      var shared = SeededGenerator(seed: UInt64(index), stream: 1)
      var own = SeededGenerator(seed: UInt64(index), stream: 10 + stream)
      let width = entry.shape.reduce(1, *)
      let directions = Matrix<Float>.normal(5, width, using: &shared)
      let strengths = Matrix<Float>.normal(count, 5, using: &own)
      var rows = Matrix<Float>.normal(count, width, deviation: 0.2, using: &own)
      rows.add(product: strengths.view, directions.view)
      return rows
    }
  }

  private static func write(
    _ blocks: [Matrix<Float>], to directory: URL, as type: ElementType
  ) throws -> GradientStore {
    let writer = try GradientStoreWriter(
      creating: directory, layout: BlockLayout(shapes), elementType: type)
    try writer.append(blocks)
    try writer.finish()
    return try GradientStore(opening: directory)
  }

  /// The numbers of a store, in memory.
  private static func copied(_ store: GradientStore) throws -> GradientStore {
    GradientStore(
      blocks: try shapes.enumerated().map { index, entry in
        let rows = try store.rows(0..<store.count, of: index, as: Float.self)
        return (entry.name, entry.shape, Matrix(rows))
      })
  }

  /// Chunks are cut otherwise where numbers are converted, so sums may be rounded otherwise: by n + d
  /// units in the last place, which the condition number of a block amplifies in exact scores.
  private static func bound(_ curvature: Curvature, of method: String) throws -> Double {
    let size = Double(curvature.training.count + 150)
    let condition =
      method == "exact"
      ? try BlockSpectrum.all(of: curvature.training).map(\.conditionNumber).max() ?? 1 : 1
    return 4 * size.squareRoot() * condition * Double(Float.ulpOfOne)
  }

  @Test(
    "give the scores of the same numbers in memory", arguments: ElementType.allCases,
    Side.allCases)
  func storedTypes(_ type: ElementType, _ side: Side) throws {
    let folder = try TemporaryDirectory()
    let training = try Self.write(
      Self.gradients(60, stream: 1), to: folder.file("train"), as: type)
    let queries = try Self.write(Self.gradients(7, stream: 2), to: folder.file("query"), as: type)
    let options = CurvatureOptions(costModel: CostModel(request: side == .score ? .score : .query))
    let methods: [any Estimator] = [HessianFree(), DataInf(), ExactFisher()]
    let stored = try Curvature(fitting: methods, on: training, options: options)
    let copied = try Curvature(
      fitting: methods, on: try Self.copied(training), options: options)
    let found = try stored.scores(of: queries)
    let expected = try copied.scores(of: try Self.copied(queries))
    for (one, other) in zip(found, expected) {
      expectClose(
        one.values, other.values, bound: .relative(try Self.bound(copied, of: one.method)),
        "\(one.method)")
    }
    withExtendedLifetime(folder) {}
  }

  @Test("lose no more than their type's rounding", arguments: ElementType.allCases, [1, 7, 20])
  func rounding(_ type: ElementType, _ queryCount: Int) throws {
    let folder = try TemporaryDirectory()
    let source = Self.gradients(60, stream: 1)
    let queries = Self.gradients(queryCount, stream: 2)
    let training = try Self.write(source, to: folder.file("train"), as: type)
    let asked = GradientStore(
      blocks: zip(Self.shapes, queries).map { ($0.name, $0.shape, $1) })
    let scores = try Curvature(fitting: [HessianFree()], on: training).scores(of: asked)
    func norm(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    for query in 0..<queryCount {
      for example in 0..<60 {
        var expected = 0.0
        var bound = 0.0
        for (v, g) in zip(queries, source) {
          let v = v[row: query].map { Double($0) }
          let g = g[row: example].map { Double($0) }
          for (x, y) in zip(v, g) { expected += x * y }
          let moved = Self.largestShift(of: g, norm: norm(g), as: type)
          // The sum itself, in single precision, of the stored numbers' products.
          let summed = Double(v.count + 2) * Double(Float.ulpOfOne) * (norm(g) + moved)
          bound += norm(v) * (moved + summed)
        }
        #expect(abs(scores[0].values[query, example] - expected) <= bound)
      }
    }
    withExtendedLifetime(folder) {}
  }

  /// How far storing can move a row, as a norm: half a unit in the last place of each number (of halves
  /// below the normal range, of 2^-24), or half a scale, which is rounded up once, as is each product.
  private static func largestShift(
    of row: [Double], norm: Double, as type: ElementType
  ) -> Double {
    let spread = Double(row.count).squareRoot()
    return switch type {
    case .float16: norm * 0x1p-11 + spread * 0x1p-25
    case .bfloat16: norm * 0x1p-8
    case .float32, .float64: 0
    case .int8: spread * (row.map(abs).max() ?? 0) / 254 * (1 + 0x1p-22) + norm * 0x1p-22
    }
  }

  @Test(
    "do not depend on shards of unequal sizes", arguments: [ElementType.float32, .float16, .int8])
  func shards(_ type: ElementType) throws {
    let folder = try TemporaryDirectory()
    let blocks = Self.gradients(60, stream: 1)
    let whole = try Self.write(blocks, to: folder.file("whole"), as: type)
    for (index, rows) in [0..<1, 1..<38, 38..<60].enumerated() {
      let directory = folder.file("shards/part-\(index)")
      try FileManager.default.createDirectory(
        at: folder.file("shards"), withIntermediateDirectories: true)
      _ = try Self.write(blocks.map { Matrix($0.view[rows: rows]) }, to: directory, as: type)
    }
    let parts = try GradientStore(opening: folder.file("shards"))
    #expect(parts.count == 60)
    let queries = try Self.write(Self.gradients(7, stream: 2), to: folder.file("query"), as: type)
    let methods: [any Estimator] = [DataInf(), ExactFisher()]
    let one = try Curvature(fitting: methods, on: whole)
    let several = try Curvature(fitting: methods, on: parts)
    for (found, expected) in zip(
      try several.scores(of: queries), try one.scores(of: queries))
    {
      expectClose(
        found.values, expected.values, bound: .relative(try Self.bound(one, of: found.method)),
        "\(found.method)")
    }
    withExtendedLifetime(folder) {}
  }
}
