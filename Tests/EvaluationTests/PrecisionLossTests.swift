import Evaluation
import Foundation
import Gradients
import Influence
import LinearAlgebra
import TensorFiles
import Testing

@Suite("What a narrower type loses in each block")
struct PrecisionLossTests {
  private func store(
    _ rows: Int, _ deviations: [(String, Double)], width: Int = 8, seed: UInt64 = 1
  ) -> GradientStore {
    var generator = SeededGenerator(seed: seed)
    return GradientStore(
      blocks: deviations.map { name, deviation in
        var numbers = Matrix<Double>.normal(rows, width, using: &generator)
        numbers.scale(by: deviation)
        return (name, [width], Matrix<Float>(converting: numbers))
      })
  }

  @Test(
    "A block below the type's steps is destroyed, however large the others are",
    arguments: [
      (ElementType.float16, 3e-8, true), (.float16, 1e-9, true), (.float16, 1e-6, false),
      (.bfloat16, 3e-8, false), (.bfloat16, 1e-41, true), (.int8, 3e-8, false),
    ])
  func destroyed(type: ElementType, deviation: Double, expected: Bool) throws {
    let loss = try PrecisionLoss(storing: store(30, [("a", 1), ("b", deviation)]), as: type)
    #expect(loss.queries == 15 && loss.examples == 15)
    #expect(loss.blocks.map(\.name) == ["a", "b"])
    #expect(loss.blocks.map(\.isDestroyed) == [false, expected])
    #expect((loss.blocks[1].exactError > 0.1) == expected)
    // Inner products are those of the large block, which is why they cannot tell.
    #expect(loss.innerProductError < 0.05)
    if expected {
      let error = #expect(throws: EvaluationError.self) { try loss.requireBlocksKept() }
      #expect("\(try #require(error))".contains("block \"b\" would be destroyed by \(type)"))
      #expect(loss.exactError > 0.1)
    } else {
      try loss.requireBlocksKept()
    }
  }

  @Test("A block whose rows are mostly destroyed is, even where large rows keep its length")
  func rows() throws {
    var generator = SeededGenerator(seed: 2)
    var numbers = Matrix<Double>.normal(40, 6, using: &generator)
    numbers.scaleRows(by: (0..<40).map { $0 % 4 == 0 ? 1 : 1e-9 })
    let loss = try PrecisionLoss(
      storing: GradientStore(blocks: [("a", [6], Matrix<Float>(converting: numbers))]),
      as: .float16)
    #expect(loss.blocks[0].error < 1e-3 && loss.blocks[0].medianRowError == 1)
    #expect(loss.blocks[0].zerosMade == 0.75 && loss.blocks[0].isDestroyed)
  }

  @Test("Errors are bounded by the type's unit roundoff", arguments: [300, 5, 2, 1])
  func healthy(rows: Int) throws {
    let source = store(rows, [("a", 1)], width: 40)
    for (type, unit) in [(ElementType.bfloat16, 0x1p-9), (.float16, 0x1p-12)] {
      let loss = try PrecisionLoss(storing: source, as: type)
      let block = loss.blocks[0]
      // Each number is off by at most 2u of itself, so that rows and norms are, too, and a product of norms by
      // 4u and a little: |ΔS| <= 5u max |g|², which is within ten times of the largest score.
      #expect(block.error > 0 && block.error <= 2 * unit)
      #expect(block.medianRowError <= 2 * unit && block.largestNormError <= 2 * unit)
      #expect(block.medianNormError <= block.largestNormError && block.zerosMade == 0)
      #expect(loss.innerProductError > 0 && loss.innerProductError <= 50 * unit)
      #expect(abs(block.storedDamping / block.damping - 1) <= 5 * unit)
    }
    #expect(try PrecisionLoss(storing: source, as: .float32).exactError == 0)
  }

  @Test(
    "Numbers of double precision that float32 cannot hold are lost, and those of zero blocks are not"
  )
  func wide() throws {
    let tiny = Matrix(rows: 4, columns: 2, elements: (1...8).map { Double($0) * 1e-60 })
    let zero = Matrix<Double>.zeros(4, 2)
    let loss = try PrecisionLoss(
      storing: GradientStore(blocks: [("tiny", [2], tiny), ("zero", [2], zero)]), as: .float32)
    #expect(loss.blocks.map(\.name) == ["tiny"])
    #expect(loss.blocks[0].zerosMade == 1 && loss.blocks[0].isDestroyed)
    #expect(loss.blocks[0].exactError == 1 && loss.blocks[0].storedDamping == 0)
  }

  @Test("Scores are those of the methods on the stored numbers")
  func scores() throws {
    let source = store(10, [("a", 1), ("b", 2e-7)])
    let loss = try PrecisionLoss(storing: source, as: .float16)
    let order = GradientSample.rows(5 + 128, of: 10, seed: 0)
    func scores(_ store: GradientStore) throws -> [Scores] {
      try Curvature(
        fitting: [ExactFisher(), DataInf()],
        on: store.gathering(Array(order.dropFirst(5)), name: "training"),
        options: CurvatureOptions(precision: .double)
      ).scores(of: store.gathering(Array(order.prefix(5)), name: "queries"), perBlock: true)
    }
    let half = GradientStore(
      blocks: try source.layout.blocks.indices.map { index in
        let rows = Matrix(try source.rows(0..<10, of: index, as: Double.self))
        let rounded = rows.elements.map { ElementType.float16.rounded($0, peak: 0) }
        return (
          source.layout.blocks[index].name, [8], Matrix(rows: 10, columns: 8, elements: rounded)
        )
      })
    let (before, after) = (try scores(source), try scores(half))
    func error(_ first: Matrix<Double>, _ second: Matrix<Double>) -> Double {
      let differences = zip(first.elements, second.elements).map { abs($0 - $1) }
      return (differences.max() ?? 0) / (second.elements.map(abs).max() ?? 0)
    }
    for (method, found) in [loss.exactError, loss.dataInfError].enumerated() {
      let expected = error(after[method].values, before[method].values)
      #expect(abs(found / expected - 1) < 1e-6)
    }
    for (index, block) in loss.blocks.enumerated() {
      for (method, found) in [block.exactError, block.dataInfError].enumerated() {
        let expected = error(
          try #require(after[method].shares?.values[index]),
          try #require(before[method].shares?.values[index]))
        #expect(abs(found / expected - 1) < 1e-6)
      }
    }
  }
}
