import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("Projecting a store")
struct StoreProjectionTests {
  let folder: TemporaryDirectory
  static let layout = BlockLayout([
    ("a.weight", [10, 14]), ("b.weight", [20, 9]), ("c.weight", [8, 8]),
  ])
  static let rows = 150
  static let kinds: [GradientProjection.Kind] = [
    .dense(.gaussian, dimension: 12), .dense(.rademacher, dimension: 12),
    .sparse(dimension: 12, nonzeros: 4), .sparse(dimension: 12, nonzeros: 1),
    .kronecker(outputs: 4, inputs: 3),
  ]

  init() throws { folder = try TemporaryDirectory() }

  private static func gradients() -> [Matrix<Double>] {
    var generator = SeededGenerator(seed: 6)
    return layout.blocks.map {
      Matrix(converting: Matrix<Float>.normal(rows, $0.width, using: &generator))
    }
  }

  private func store(_ type: ElementType = .float32, _ name: String = "store") throws
    -> GradientStore
  {
    let url = folder.file(name)
    let writer = try GradientStoreWriter(creating: url, layout: Self.layout, elementType: type)
    let ids = (0..<Self.rows).map { "example \($0)" }
    try writer.append(Self.gradients(), ids: ids)
    try writer.finish()
    return try GradientStore(opening: url)
  }

  @discardableResult
  private func project(
    _ store: GradientStore, _ kind: GradientProjection.Kind, seed: UInt64 = 3, to name: String,
    chunkBytes: Int = 32 << 20
  ) throws -> GradientStore {
    let outcome = try StoreProjection(
      of: store, by: GradientProjection(kind, seed: seed), to: folder.file(name),
      chunkBytes: chunkBytes
    ).run()
    #expect(outcome.rows == store.count)
    return try GradientStore(opening: folder.file(name))
  }

  private static func stream(_ name: String) -> UInt64 {
    var hash: UInt64 = 14_695_981_039_346_656_037
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211 }
    return hash
  }

  /// P of one block as the documentation has it, `k × d`.
  private static func explicit(
    _ kind: GradientProjection.Kind, seed: UInt64, of block: Block
  ) -> Matrix<Double> {
    func dense(
      _ distribution: RandomMatrix.Distribution, _ rows: Int, _ columns: Int, _ name: String
    ) -> Matrix<Double> {
      let matrix = RandomMatrix(
        distribution, rows: rows, columns: columns, seed: seed, stream: stream(name))
      var whole = Matrix<Double>.zeros(rows, columns)
      for row in 0..<rows {
        for column in 0..<columns { whole[row, column] = matrix[row, column] }
      }
      return whole
    }
    switch kind {
    case .dense(let distribution, let dimension):
      return dense(distribution, dimension, block.width, block.name)
    case .sparse(let dimension, let nonzeros):
      let matrix = SparseSignMatrix(
        rows: dimension, columns: block.width, nonzeros: nonzeros, seed: seed,
        stream: stream(block.name))
      var whole = Matrix<Double>.zeros(dimension, block.width)
      for column in 0..<block.width {
        for entry in matrix.entries(ofColumn: column) {
          whole[entry.row, column] = (entry.isNegative ? -1 : 1) / Double(nonzeros).squareRoot()
        }
      }
      return whole
    case .kronecker(let outputs, let inputs):
      let out = dense(.gaussian, outputs, block.shape[0], block.name + "/outputs")
      let into = dense(.gaussian, inputs, block.shape[1], block.name + "/inputs")
      var whole = Matrix<Double>.zeros(outputs * inputs, block.width)
      for row in 0..<whole.rows {
        for column in 0..<whole.columns {
          whole[row, column] =
            out[row / inputs, column / into.columns] * into[row % inputs, column % into.columns]
        }
      }
      return whole
    case .principal: preconditionFailure("no random numbers decide directions")
    }
  }

  /// A sum of d ≤ 180 products of single precision, of numbers up to 5 and entries up to 2; sizes of a row's
  /// terms add up to at most d·10.
  @Test(
    "Projected rows are P·g with the explicit P", arguments: kinds, [ElementType.float32, .float64])
  func explicit(kind: GradientProjection.Kind, type: ElementType) throws {
    let store = try store(type)
    let projected = try project(store, kind, to: "small")
    #expect(projected.commonElementType == type)
    #expect(try projected.exampleIDs()?[7] == "example 7")
    for (index, block) in Self.layout.blocks.enumerated() {
      let matrix = Self.explicit(kind, seed: 3, of: block)
      let gradients = Self.gradients()[index]
      let expected = Naive.product(gradients, Naive.transpose(matrix))
      let found = Matrix(try projected.rows(0..<Self.rows, of: index, as: Double.self))
      let sizes = Naive.product(
        Naive.magnitudes(gradients), Naive.transpose(Naive.magnitudes(matrix)))
      let unit = type == .float32 ? Double(Float.ulpOfOne) : Double.ulpOfOne
      expectClose(
        found.elements, expected.elements,
        bound: .absolute(Double(block.width) * unit * Naive.largest(sizes)))
    }
  }

  @Test("Rows are the same bit for bit in any chunks", arguments: kinds)
  func chunks(kind: GradientProjection.Kind) throws {
    let store = try store()
    try project(store, kind, to: "whole")
    // Three blocks of 12 columns in double precision take 288 bytes per row.
    for (number, rows) in [1, 7, 64, 100].enumerated() {
      try project(store, kind, to: "chunks-\(number)", chunkBytes: 288 * rows)
      #expect(
        try folder.bytes("chunks-\(number)/gradients.bin") == folder.bytes("whole/gradients.bin"))
    }
  }

  @Test("Another seed gives another projection")
  func seeds() throws {
    let store = try store()
    let one = try project(store, Self.kinds[0], seed: 1, to: "one")
    let two = try project(store, Self.kinds[0], seed: 2, to: "two")
    #expect(try folder.bytes("one/gradients.bin") != folder.bytes("two/gradients.bin"))
    let difference = try #require(one.differences(from: two).first)
    #expect(difference.contains("seed=1") && difference.contains("seed=2"))
    #expect(one.differences(from: one).isEmpty)
  }

  @Test("Stores that are projected from other blocks do not go together")
  func otherBlocks() throws {
    let store = try store()
    let kind = GradientProjection.Kind.sparse(dimension: 12, nonzeros: 2)
    let names = Self.layout.blocks.map(\.name)
    let one = try project(store.partitioned(by: .all), kind, to: "one")
    let two = try project(
      store.partitioned(by: .mapping([.init(name: "all", blocks: names.reversed())])), kind,
      to: "two")
    #expect(one.layout == two.layout && one.differences(from: two).count == 1)
  }

  /// The mean of N ratios of variance at most v, of which each shares P: over S seeds it deviates by at most
  /// √(v/S); four deviations.
  @Test("Squared norms are kept on average", arguments: kinds)
  func norms(kind: GradientProjection.Kind) throws {
    let store = try store()
    let seeds = 24
    var sum = 0.0
    for seed in 0..<seeds {
      let name = "seed-\(seed)"
      let projected = try project(store[rows: 0..<2], kind, seed: UInt64(seed), to: name)
      sum +=
        try projected.squaredNorms().norms(ofBlock: 0)[0]
        / store.squaredNorms().norms(ofBlock: 0)[0]
    }
    let variance = GradientProjection(kind).normVariance
    #expect(abs(sum / Double(seeds) - 1) < 4 * (variance / Double(seeds)).squareRoot())
  }

  @Test("A projection that was stopped goes on, and ends with the same bytes", arguments: kinds)
  func resumes(kind: GradientProjection.Kind) throws {
    let store = try store()
    try project(store, kind, to: "whole", chunkBytes: 288 * 11)
    let whole = try folder.bytes("whole/gradients.bin")
    let manifest = try folder.bytes("whole/manifest.json")
    // A copy in the middle of a run is what a killed run leaves.
    let process = StoreProjection(
      of: store, by: GradientProjection(kind, seed: 3), to: folder.file("part"),
      chunkBytes: 288 * 11)
    let folder = folder
    let copied = folder.file("copy")
    _ = try process.run { _, fraction in
      guard fraction > 0.4, !FileManager.default.fileExists(atPath: copied.path) else { return }
      try? FileManager.default.copyItem(at: folder.file("part"), to: copied)
    }
    let outcome = try StoreProjection(
      of: store, by: GradientProjection(kind, seed: 3), to: copied, chunkBytes: 288 * 64
    ).run()
    #expect(outcome.resumedRows > 0 && outcome.resumedRows < Self.rows && outcome.rows == Self.rows)
    #expect(try folder.bytes("copy/gradients.bin") == whole)
    #expect(try folder.bytes("copy/manifest.json") == manifest)
  }

  @Test("Blocks that are too narrow are refused by name")
  func refusals() throws {
    let store = try store()
    func message(_ kind: GradientProjection.Kind, _ store: GradientStore) -> String {
      do {
        _ = try project(store, kind, to: "never")
        return "done"
      } catch { return "\(error)" }
    }
    let wide = message(.sparse(dimension: 65, nonzeros: 4), store)
    #expect(wide.contains("\"c.weight\"") && wide.contains("64 columns") && wide.contains("65"))
    let factors = message(.kronecker(outputs: 1000, inputs: 1000), store)
    #expect(factors.contains("nothing would be projected"))
    #expect(!FileManager.default.fileExists(atPath: folder.file("never").path))
    let projected = try project(store, Self.kinds[2], to: "once")
    #expect(message(.sparse(dimension: 2, nonzeros: 1), projected).contains("projected already"))
  }

  @Test("Vectors are kept, whatever their length; a store of nothing else is refused")
  func vectors() throws {
    var generator = SeededGenerator(seed: 8)
    let weight = Matrix<Float>.normal(20, 60, using: &generator)
    let bias = Matrix<Float>.normal(20, 10, using: &generator)
    let store = GradientStore(blocks: [
      (name: "weight", shape: [10, 6], gradients: weight),
      (name: "bias", shape: [10], gradients: bias),
    ])
    let projected = try project(store, .kronecker(outputs: 5, inputs: 2), to: "kept")
    #expect(projected.layout.blocks.map(\.shape) == [[5, 2], [10]])
    #expect(Matrix(try projected.rows(0..<20, of: 1, as: Float.self)) == bias)
    let smaller = try project(store, .kronecker(outputs: 3, inputs: 3), to: "smaller")
    #expect(smaller.layout.blocks.map(\.shape) == [[3, 3], [10]])
    let biases = GradientStore(blocks: [(name: "bias", shape: [10], gradients: bias)])
    #expect {
      try project(biases, .kronecker(outputs: 3, inputs: 3), to: "never")
    } throws: { error in
      "\(error)".contains("\"bias\"") && "\(error)".contains("[10]")
    }
  }

  @Test("Short sides of adapters are kept, and kernels of convolutions are outputs × the rest")
  func adaptersAndConvolutions() throws {
    var generator = SeededGenerator(seed: 9)
    func block(_ shape: [Int]) -> (name: String, shape: [Int], gradients: Matrix<Float>) {
      ("\(shape)", shape, .normal(30, shape.reduce(1, *), using: &generator))
    }
    let store = GradientStore(blocks: [
      block([4, 40]), block([40, 4]), block([12, 3, 3, 3]), block([4, 4]), block([12]),
      block([8, 5, 3]),
    ])
    let projected = try project(store, .kronecker(outputs: 6, inputs: 6), to: "small")
    #expect(
      projected.layout.blocks.map(\.shape) == [[4, 6], [6, 4], [6, 6], [4, 4], [12], [6, 6]])
    func rows(_ store: GradientStore, _ block: Int) throws -> Matrix<Float> {
      Matrix(try store.rows(0..<30, of: block, as: Float.self))
    }
    for kept in [3, 4] { #expect(try rows(projected, kept) == rows(store, kept)) }
    // A matrix of the same numbers, and of the same name, which decides P, is projected to the same.
    let flat = GradientStore(blocks: [
      (name: "[12, 3, 3, 3]", shape: [12, 27], gradients: try rows(store, 2))
    ])
    let same = try project(flat, .kronecker(outputs: 6, inputs: 6), to: "flat")
    #expect(try rows(same, 0) == rows(projected, 2))
    // Of a side that is kept, each row is projected by itself: G·P_inᵀ.
    let wide = try rows(store, 0)
    let parts = GradientStore(blocks: [
      (
        name: "[4, 40]", shape: [1, 40],
        gradients: Matrix(rows: 120, columns: 40, elements: wide.elements)
      )
    ])
    let each = try project(parts, .kronecker(outputs: 6, inputs: 6), to: "parts")
    let single = Matrix(try each.rows(0..<120, of: 0, as: Float.self)).elements
    for (one, other) in zip(single, try rows(projected, 0).elements) {
      // Sums of 40 products, in another order where BLAS takes rows together.
      #expect(abs(one - other) < 40 * Float.ulpOfOne * 10)
    }
    let distortion = try ProjectionDistortion(
      of: projected, from: store, by: GradientProjection(.kronecker(outputs: 6, inputs: 6)))
    #expect(abs(distortion.meanNormRatio - 1) < 0.5)
  }

  @Test("Another source, seed or finished store is refused")
  func notResumable() throws {
    let store = try store()
    try project(store, Self.kinds[2], to: "small")
    #expect(throws: GradientStoreError.alreadyExists(path: folder.file("small").path)) {
      try project(store, Self.kinds[2], to: "small")
    }
    try folder.replace("\"complete\": true", with: "\"complete\": false", in: "small/manifest.json")
    #expect(throws: GradientStoreError.self) {
      try project(store, Self.kinds[2], seed: 4, to: "small")
    }
    #expect(try project(store, Self.kinds[2], to: "small").count == Self.rows)
  }

  /// Ratios of 150 rows, three blocks of 12 columns each: a deviation of √(2/36), within six of which even the
  /// worst lies.
  @Test("What was measured is what the formulas say")
  func distortion() throws {
    let store = try store()
    let projection = GradientProjection(.dense(.gaussian, dimension: 12), seed: 3)
    let projected = try project(store, projection.kind, to: "small")
    let distortion = try ProjectionDistortion(of: projected, from: store, by: projection)
    let ratios = zip(try projected.squaredNorms().totals, try store.squaredNorms().totals).map(/)
    expectClose(
      [distortion.meanNormRatio], [ratios.reduce(0, +) / 150],
      bound: .relative(150 * Double.ulpOfOne))
    #expect(abs(distortion.worstNormRatio - 1) == ratios.map { abs($0 - 1) }.max())
    #expect(abs(distortion.worstNormRatio - 1) < 6 * (2.0 / 36).squareRoot())
    #expect(distortion.pairs == 32 * 128 - 32 * 33 / 2)
    #expect(distortion.innerProductError < distortion.expectedInnerProductError)
    #expect(distortion.worstInnerProductError >= distortion.innerProductError)
    #expect(distortion.expectedNormDeviation == (2.0 / 12).squareRoot())
  }
}
