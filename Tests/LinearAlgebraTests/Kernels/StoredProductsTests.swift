import LinearAlgebra
import TestSupport
import Testing

/// Rows packed as files pack them, and the numbers that they stand for.
struct PackedSample {
  let rows: StoredRows
  let numbers: Matrix<Float>

  static let formats: [PackedFormat] = [.binary32, .binary16, .bfloat16, .int8]

  /// Small integers, exact in every format, from an odd address on and with gaps between rows.
  init(
    _ format: PackedFormat, _ rows: Int, _ columns: Int, gap: Int, offset: Int,
    using generator: inout SeededGenerator
  ) {
    let integers = Matrix<Float>.smallIntegers(rows, columns, using: &generator)
    let stride = (columns + gap) * format.byteCount
    var bytes = [UInt8](repeating: 0xa5, count: offset + rows * stride)
    for row in 0..<rows {
      for column in 0..<columns {
        let packed = Self.bytes(of: integers[row, column], format)
        let start = offset + row * stride + column * format.byteCount
        bytes.replaceSubrange(start..<start + packed.count, with: packed)
      }
    }
    let scales = format == .int8 ? (0..<rows).map { Float(1 << ($0 % 4)) } : []
    let last = max(offset, bytes.count - gap * format.byteCount)
    self.rows = StoredRows(
      rows: rows, columns: columns, format: format, byteStride: stride, scales: scales
    ) { [bytes] body in body(bytes.span.extracting(offset..<last)) }
    var numbers = integers
    if !scales.isEmpty { numbers.scaleRows(by: scales) }
    self.numbers = numbers
  }

  private static func bytes(of number: Float, _ format: PackedFormat) -> [UInt8] {
    func littleEndian(_ pattern: some FixedWidthInteger) -> [UInt8] {
      (0..<pattern.bitWidth / 8).map { UInt8(truncatingIfNeeded: pattern >> (8 * $0)) }
    }
    return switch format {
    case .int8: [UInt8(bitPattern: Int8(number))]
    case .binary16: littleEndian(Self.halfPattern(number))
    case .bfloat16: littleEndian(UInt16(number.bitPattern >> 16))
    case .binary32, .binary64: littleEndian(number.bitPattern)
    }
  }

  /// The binary16 of a small integer.
  private static func halfPattern(_ number: Float) -> UInt16 {
    guard number != 0 else { return 0 }
    let exponent = UInt16(Int(number.exponent) + 15)
    let fraction = UInt16(number.significandBitPattern >> 13)
    return (number < 0 ? 0x8000 : 0) | exponent << 10 | fraction
  }
}

@Suite("Products with rows as they are stored")
struct StoredProductsTests {
  private static let sizes = [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 16, 17, 31, 33, 64, 66, 67]

  /// The formats that a set of instructions reads.
  private static func formats(_ instructions: VectorInstructions) -> [PackedFormat] {
    instructions == .portable ? [.binary32] : PackedSample.formats
  }

  /// Seeded shapes, each size in each place.
  private static func shapes(
    _ body: (_ vectors: Int, _ rows: Int, _ columns: Int, inout SeededGenerator) -> Void
  ) {
    var generator = SeededGenerator(seed: 11)
    for (index, vectors) in sizes.enumerated() {
      for step in [1, 5, 7] {
        let rows = sizes[(index * step + 3) % sizes.count]
        let columns = sizes[(index + step * 4) % sizes.count]
        body(vectors, rows, columns, &generator)
      }
      // More than one slice of columns, and a border within one.
      body(vectors, sizes[(index + 9) % sizes.count], 500 + 53 * index, &generator)
    }
  }

  @Test(
    "Products of integers are exact in every type, at any address, whatever the shape",
    arguments: VectorInstructions.available)
  func products(instructions: VectorInstructions) {
    for format in Self.formats(instructions) {
      Self.shapes { vectors, rows, columns, generator in
        let left = Matrix<Float>.smallIntegers(vectors, columns, using: &generator)
        let sample = PackedSample(
          format, rows, columns, gap: rows % 4, offset: format == .binary32 ? 0 : columns % 3,
          using: &generator)
        var found = Matrix<Float>(repeating: .nan, rows: vectors + 1, columns: rows + 2)
        found.set(
          productOf: VectorPanel(left.view), with: sample.rows, firstColumn: 1,
          instructions: instructions)
        expectClose(
          Matrix(found.view[rows: 0..<vectors, columns: 1..<rows + 1]),
          Naive.product(left, Naive.transpose(sample.numbers)), bound: .exact,
          "\(format), \(vectors) × \(rows) × \(columns)")
        let around =
          found.view[rows: vectors..<vectors + 1].rowDots(
            with: found.view[rows: vectors..<vectors + 1])
        #expect(around[0].isNaN && found[0, 0].isNaN && found[vectors - 1, rows + 1].isNaN)
      }
    }
  }

  @Test(
    "Sums of rows are exact for integers, over many calls", arguments: VectorInstructions.available,
    [false, true])
  func pullBack(instructions: VectorInstructions, areInCache: Bool) {
    for format in Self.formats(instructions) {
      Self.shapes { vectors, rows, columns, generator in
        let start = Matrix<Float>.smallIntegers(vectors, columns, using: &generator)
        let coefficients = Matrix<Float>.smallIntegers(vectors, 2 * rows + 3, using: &generator)
        let factors = (0..<rows).map { Float($0 % 3 - 1) }
        var sums = PullBackSum(startingAt: start, scale: -0.5)
        var expected = Naive.double(start)
        for firstColumn in [0, rows + 2] {
          let sample = PackedSample(
            format, rows, columns, gap: vectors % 3, offset: format == .binary32 ? 0 : rows % 3,
            using: &generator)
          sums.add(
            sample.rows, coefficients: coefficients, firstColumn: firstColumn,
            factors: factors[...], areInCache: areInCache, instructions: instructions)
          var weighted = Matrix(
            coefficients.view[rows: 0..<vectors, columns: firstColumn..<firstColumn + rows])
          weighted.scaleColumns(by: factors)
          expected = Naive.sum(expected, Naive.product(weighted, sample.numbers), scale: -0.5)
        }
        expectClose(
          sums.total(), expected, bound: .exact, "\(format), \(vectors) × \(rows) × \(columns)")
      }
    }
  }

  @Test("Rows beyond those that are summed in a row are all there")
  func manyRows() {
    var generator = SeededGenerator(seed: 3)
    let rows = Matrix<Float>.smallIntegers(2500, 130, using: &generator)
    let coefficients = Matrix<Float>.smallIntegers(3, 2500, using: &generator)
    var sums = PullBackSum(startingAt: .zeros(3, 130))
    for first in stride(from: 0, to: 2500, by: 300) {
      let range = first..<min(2500, first + 300)
      sums.add(
        StoredRows(rows.view[rows: range]), coefficients: coefficients, firstColumn: first,
        factors: [Float](repeating: 1, count: range.count)[...], areInCache: false)
    }
    expectClose(sums.total(), Naive.product(coefficients, rows), bound: .exact)
  }

  @Test(
    "Products of reals err by the roundings of their sums", arguments: VectorInstructions.available)
  func rounding(instructions: VectorInstructions) {
    var generator = SeededGenerator(seed: 5)
    for columns in [40, 777, 5000] {
      let left = Matrix<Float>.normal(13, columns, using: &generator)
      let right = Matrix<Float>.normal(21, columns, using: &generator)
      var found = Matrix<Float>.zeros(13, 21)
      found.set(
        productOf: VectorPanel(left.view), with: StoredRows(right.view), instructions: instructions)
      let expected = Naive.product(left, Naive.transpose(right))
      let sizes = Naive.product(
        Matrix(rows: 13, columns: columns, elements: left.elements.map { abs($0) }),
        Naive.transpose(
          Matrix(rows: 21, columns: columns, elements: right.elements.map { abs($0) })))
      // Per lane of four: the products of a slice, the lanes, the slices.
      let roundings = Double(min(columns, 512) / 4 + 3 + columns / 512 + 2) * 0x1p-24
      for index in found.elements.indices {
        let error = abs(Double(found.elements[index]) - expected.elements[index])
        #expect(error <= roundings * sizes.elements[index])
      }
    }
  }

  @Test(
    "A product has the same bits whatever other vectors and rows there are",
    arguments: VectorInstructions.available)
  func independence(instructions: VectorInstructions) {
    var generator = SeededGenerator(seed: 7)
    let left = Matrix<Float>.normal(23, 1111, using: &generator)
    let right = Matrix<Float>.normal(37, 1111, using: &generator)
    var all = Matrix<Float>.zeros(23, 37)
    all.set(
      productOf: VectorPanel(left.view), with: StoredRows(right.view), instructions: instructions)
    for vectors in [0..<1, 3..<5, 4..<11, 22..<23] {
      for rows in [0..<1, 5..<8, 36..<37, 2..<30] {
        var part = Matrix<Float>.zeros(vectors.count, rows.count)
        part.set(
          productOf: VectorPanel(left.view[rows: vectors]),
          with: StoredRows(right.view[rows: rows]), instructions: instructions)
        #expect(part == Matrix(all.view[rows: vectors, columns: rows]))
      }
    }
  }

  @Test("Products and sums have the same bits on one thread and on several")
  func threads() async {
    await #expect(processExitsWith: .success) {
      var generator = SeededGenerator(seed: 9)
      let left = Matrix<Float>.normal(17, 3000, using: &generator)
      let right = Matrix<Float>.normal(999, 3000, using: &generator)
      let results = [1, 2, 3].map { threads in
        Parallelism.threads = threads
        var products = Matrix<Float>.zeros(17, 999)
        products.set(productOf: VectorPanel(left.view), with: StoredRows(right.view))
        var sums = PullBackSum(startingAt: left)
        sums.add(
          StoredRows(right.view), coefficients: products, firstColumn: 0,
          factors: [Float](repeating: 0.5, count: 999)[...], areInCache: false)
        return [products, sums.total()]
      }
      try #require(results.allSatisfy { $0 == results[0] })
    }
  }

  @Test(
    "Subnormal numbers count, and what is not finite stays in its own products",
    arguments: VectorInstructions.available)
  func extremes(instructions: VectorInstructions) {
    var left = Matrix<Float>(repeating: 1, rows: 7, columns: 19)
    var right = Matrix<Float>(repeating: Float.leastNonzeroMagnitude, rows: 9, columns: 19)
    right.elements[4 * 19 + 18] = .nan
    right.elements[5 * 19] = .infinity
    left.elements[2 * 19 + 3] = 0x1p100
    var found = Matrix<Float>.zeros(7, 9)
    found.set(
      productOf: VectorPanel(left.view), with: StoredRows(right.view), instructions: instructions)
    for vector in 0..<7 {
      for row in 0..<9 {
        let value = found[vector, row]
        switch row {
        case 4: #expect(value.isNaN)
        case 5: #expect(value == .infinity)
        default:
          #expect(
            value == (vector == 2 ? 0x1p100 : 1) * Float.leastNonzeroMagnitude
              + 18 * Float.leastNonzeroMagnitude)
        }
      }
    }
  }
}
