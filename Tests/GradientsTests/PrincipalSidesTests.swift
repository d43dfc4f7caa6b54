import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

/// Projections onto the leading directions of both sides of blocks.
@Suite("Leading directions of both sides")
struct PrincipalSidesTests {
  let folder: TemporaryDirectory
  static let layout = BlockLayout([("a.weight", [6, 5]), ("a.bias", [6]), ("b.weight", [3, 8])])

  init() throws { folder = try TemporaryDirectory() }

  /// Gradients, of rank one in both sides but for some noise if that is given.
  private func blocks(rows: Int = 40, noise: Double? = nil, seed: UInt64 = 2) -> [Matrix<Double>] {
    var generator = SeededGenerator(seed: seed)
    var directions = SeededGenerator(seed: 99)
    return Self.layout.blocks.map { block in
      let plain = Matrix<Double>.normal(rows, block.width, using: &generator)
      guard let noise else { return plain }
      let sides = (block.shape[0], block.shape.count > 1 ? block.shape[1] : 1)
      let left = Matrix<Double>.normal(1, sides.0, using: &directions)
      let right = Matrix<Double>.normal(1, sides.1, using: &directions)
      var matrix = plain
      for row in 0..<rows {
        let size = generator.normal()
        for column in 0..<block.width {
          matrix[row, column] =
            noise * plain[row, column]
            + size * left[0, column / sides.1] * right[0, column % sides.1]
        }
      }
      return matrix
    }
  }

  private func store(
    _ blocks: [Matrix<Double>], curvature: StoredCurvature? = nil
  ) -> GradientStore {
    GradientStore(
      name: "gradients",
      blocks: zip(Self.layout.blocks, blocks).map { ($0.name, $0.shape, $1) }
    ).with(curvature: curvature)
  }

  private func project(
    _ store: GradientStore, _ projection: GradientProjection, to name: String,
    chunkBytes: Int = 32 << 20
  ) throws -> GradientStore {
    _ = try StoreProjection(
      of: store, by: projection, to: folder.file(name), chunkBytes: chunkBytes
    ).run()
    return try GradientStore(opening: folder.file(name))
  }

  private func rows(_ store: GradientStore, _ block: Int) throws -> Matrix<Double> {
    Matrix(try store.rows(0..<store.count, of: block, as: Double.self))
  }

  /// g as a matrix of its block.
  private func matrix(_ blocks: [Matrix<Double>], _ block: Int, row: Int) -> Matrix<Double> {
    let shape = Self.layout.blocks[block].shape
    return Matrix(
      rows: shape[0], columns: shape[1], elements: Array(blocks[block][row: row]))
  }

  /// Σ ‖P·x‖² over an eigenbasis is a sum of eigenvalues, whatever the signs of vectors.
  @Test("Each side keeps its leading eigenvectors, by Jacobi rotations")
  func definition() throws {
    let blocks = blocks()
    let store = store(blocks)
    let sides = try PrincipalSides(of: store, outputs: 2, inputs: 3)
    let small = try project(store, GradientProjection(.principal(sides)), to: "small")
    #expect(small.layout.blocks.map(\.shape) == [[2, 3], [6], [2, 3]])
    #expect(try rows(small, 1) == blocks[1])
    for block in [0, 2] {
      var (left, right) = (Matrix<Double>.zeros(0, 0), Matrix<Double>.zeros(0, 0))
      for row in 0..<40 {
        let g = matrix(blocks, block, row: row)
        let (l, r) = (
          Naive.product(g, Naive.transpose(g)), Naive.product(Naive.transpose(g), g)
        )
        left = row == 0 ? l : Naive.sum(left, l)
        right = row == 0 ? r : Naive.sum(right, r)
      }
      func projector(_ moment: Matrix<Double>, _ count: Int) -> Matrix<Double> {
        let pairs = Naive.eigendecomposition(moment)
        let order = pairs.values.indices.sorted { pairs.values[$0] > pairs.values[$1] }
        var sum = Matrix<Double>.zeros(moment.rows, moment.rows)
        for place in order.prefix(count) {
          let v = Matrix(
            rows: 1, columns: moment.rows, elements: Array(pairs.vectors[row: place]))
          sum = Naive.sum(sum, Naive.product(Naive.transpose(v), v))
        }
        return sum
      }
      let (out, into) = (projector(left, 2), projector(right, 3))
      let expected = (0..<40).map { row in
        Naive.product(Naive.product(out, matrix(blocks, block, row: row)), into).elements
      }
      let kept = Matrix(
        rows: 40, columns: expected[0].count, elements: expected.flatMap { $0 })
      let found = try rows(small, block)
      expectClose(
        Naive.product(found, Naive.transpose(found)).elements,
        Naive.product(kept, Naive.transpose(kept)).elements, bound: .relative(1e-10))
    }
  }

  @Test("With all directions every product stays, and nothing is lost")
  func whole() throws {
    let blocks = blocks()
    let store = store(blocks)
    let sides = try PrincipalSides(of: store, outputs: 3, inputs: 5)
    // Of the first block only outputs are cut: all of its inputs are there.
    let projection = GradientProjection(.principal(sides))
    let small = try project(store, projection, to: "small")
    #expect(small.layout.blocks.map(\.shape) == [[3, 5], [6], [3, 5]])
    let all = try PrincipalSides(of: store, outputs: 6, inputs: 5)
    let first = try project(store, GradientProjection(.principal(all)), to: "whole")
    // Three outputs of the last block are fewer than six, and stay.
    #expect(first.layout.blocks.map(\.shape) == [[6, 5], [6], [3, 5]])
    let found = try rows(first, 0)
    expectClose(
      Naive.product(found, Naive.transpose(found)).elements,
      Naive.product(blocks[0], Naive.transpose(blocks[0])).elements, bound: .relative(1e-12))
    let distortion = try ProjectionDistortion(of: small, from: store, by: projection)
    let squares = try (0..<3).map { try rows(small, $0).elements.reduce(0) { $0 + $1 * $1 } }
    let total = blocks.reduce(0) { $0 + $1.elements.reduce(0) { $0 + $1 * $1 } }
    expectClose(
      [distortion.capturedShare], [squares.reduce(0, +) / total], bound: .relative(1e-6))
    #expect(distortion.capturedShare < 1 && distortion.worstNormRatio < 1)
    #expect(!projection.isRandom && GradientProjection(.sparse(dimension: 2, nonzeros: 1)).isRandom)
  }

  @Test("Of gradients with few directions it keeps more than random numbers")
  func betterThanRandom() throws {
    let store = store(blocks(noise: 0.05))
    let leading = GradientProjection(
      .principal(try PrincipalSides(of: store, outputs: 1, inputs: 1)))
    let random = GradientProjection(.kronecker(outputs: 1, inputs: 1), seed: 4)
    let found = try ProjectionDistortion(
      of: project(store, leading, to: "leading"), from: store, by: leading)
    let drawn = try ProjectionDistortion(
      of: project(store, random, to: "random"), from: store, by: random)
    #expect(found.capturedShare > 0.95)
    #expect(found.innerProductError < 0.1 * drawn.innerProductError)
  }

  @Test("The model's factors stand in for the gradients' moments")
  func factors() throws {
    let blocks = blocks()
    func diagonal(_ numbers: [Double]) -> Matrix<Double> {
      var matrix = Matrix<Double>.zeros(numbers.count, numbers.count)
      for (place, number) in numbers.enumerated() { matrix[place, place] = number }
      return matrix
    }
    let curvature = StoredCurvature(
      kronecker: [
        (
          "a.weight",
          KroneckerFactors(
            activations: diagonal([1, 5, 2, 9, 3]), outputGradients: diagonal([7, 1, 2, 3, 8, 4]))
        ),
        (
          "b.weight",
          KroneckerFactors(
            activations: diagonal([1, 2, 3, 4, 5, 6, 7, 8]), outputGradients: diagonal([3, 1, 2]))
        ),
      ])
    let store = store(blocks, curvature: curvature)
    let sides = try PrincipalSides(of: store, outputs: 2, inputs: 2)
    #expect(sides.source == .factors)
    let projection = GradientProjection(.principal(sides))
    #expect(projection.description.hasPrefix("logra-pca:outputs=2,inputs=2,of=factors,crc32c="))
    let small = try project(store, projection, to: "small")
    // Outputs 4 and 0, inputs 3 and 1; outputs 0 and 2, inputs 7 and 6.
    for (block, columns) in [(0, [23, 21, 3, 1]), (2, [7, 6, 23, 22])] {
      let found = try rows(small, block)
      for row in [0, 39] {
        #expect(Array(found[row: row]) == columns.map { blocks[block][row, $0] })
      }
    }
    // One block without factors: all take the gradients.
    let partial = StoredCurvature(
      kronecker: [
        (
          "a.weight",
          KroneckerFactors(
            activations: diagonal([1, 5, 2, 9, 3]), outputGradients: diagonal([7, 1, 2, 3, 8, 4]))
        )
      ])
    #expect(
      try PrincipalSides(of: self.store(blocks, curvature: partial), outputs: 2, inputs: 2).source
        == .gradients)
  }

  @Test("Queries are projected by what the training store keeps, in any chunks")
  func queries() throws {
    let training = store(blocks())
    let queries = store(blocks(rows: 7, seed: 8))
    let sides = try PrincipalSides(of: training, outputs: 2, inputs: 3)
    let small = try project(training, GradientProjection(.principal(sides)), to: "train")
    let read = try PrincipalSides(ofStoreAt: folder.file("train"))
    #expect(read == sides && read.checksum == sides.checksum)
    let first = try project(queries, GradientProjection(.principal(read)), to: "query")
    let second = try project(
      queries, GradientProjection(.principal(sides)), to: "again", chunkBytes: 96)
    #expect(try rows(first, 0) == rows(second, 0))
    #expect(first.projection == small.projection)
    // Directions of the queries themselves are others, and go with none of these.
    let own = try PrincipalSides(of: queries, outputs: 2, inputs: 3)
    #expect(GradientProjection(.principal(own)).description != small.projection)
    #expect(small.differences(from: first).isEmpty)
    let other = try project(queries, GradientProjection(.principal(own)), to: "other")
    #expect(small.differences(from: other).contains { $0.contains("project both alike") })
  }

  @Test("What cannot be projected so, and damaged directions")
  func refused() throws {
    let store = store(blocks())
    #expect(throws: GradientStoreError.self) {
      try PrincipalSides(of: store, outputs: 7, inputs: 9)
    }
    let sides = try PrincipalSides(of: store, outputs: 2, inputs: 2)
    let small = try project(store, GradientProjection(.principal(sides)), to: "small")
    #expect(throws: GradientStoreError.self) {
      try PrincipalSides(of: small, outputs: 1, inputs: 1)
    }
    let stranger = GradientStore(
      blocks: [("a.weight", [5, 6], Matrix<Float>.zeros(3, 30))])
    #expect(throws: GradientStoreError.self) {
      try GradientProjection(.principal(sides)).layout(of: stranger.layout)
    }
    #expect(throws: GradientStoreError.self) {
      try PrincipalSides(ofStoreAt: folder.file("nothing"))
    }
    let url = folder.file("small/\(PrincipalSides.fileName)")
    var bytes = [UInt8](try Data(contentsOf: url))
    bytes[bytes.count - 3] ^= 1
    try Data(bytes).write(to: url)
    #expect(throws: (any Error).self) { try PrincipalSides(ofStoreAt: folder.file("small")) }
    var broken = blocks()
    broken[2][5, 1] = .nan
    #expect(throws: GradientStoreError.self) {
      try PrincipalSides(of: self.store(broken), outputs: 2, inputs: 2)
    }
  }
}
