import LinearAlgebra
import TensorFiles
import Testing

/// Element types against one another: bits to numbers and back.
struct ConversionTests {
  private static let patterns = [UInt16](0...UInt16.max)

  private func read<Element: Scalar>(
    _ bytes: [UInt8], _ type: ElementType, columns: Int, offset: Int = 0, as: Element.Type
  ) throws -> Matrix<Element> {
    let folder = try TemporaryFolder()
    let map = try MemoryMap(
      opening: folder.file([UInt8](repeating: 0xff, count: offset) + bytes))
    return try MappedMatrix(
      in: map, elementType: type, byteOffset: offset, rows: 1, columns: columns
    ).matrix()
  }

  private func written<Element: Scalar>(
    _ values: [Element], as type: ElementType
  ) throws -> [UInt16] {
    let folder = try TemporaryFolder()
    var file = try AtomicFile(at: folder["values"])
    try file.write(values.span, as: type)
    try file.commit()
    return try MemoryMap(opening: folder["values"])
      .elements(of: UInt16.self, byteOffset: 0, count: values.count)
  }

  @Test("every half is read as the Float that it is", arguments: [0, 1, 2])
  func halves(offset: Int) throws {
    let singles = try read(
      bytes(Self.patterns), .float16, columns: 65536, offset: offset, as: Float.self)
    let doubles = try read(
      bytes(Self.patterns), .float16, columns: 65536, offset: offset, as: Double.self)
    for (index, pattern) in Self.patterns.enumerated() {
      let expected = Float16(bitPattern: pattern)
      if expected.isNaN {
        #expect(singles.elements[index].isNaN && doubles.elements[index].isNaN)
      } else {
        guard singles.elements[index].bitPattern == Float(expected).bitPattern,
          doubles.elements[index].bitPattern == Double(expected).bitPattern
        else {
          Issue.record("half \(pattern) was read as \(singles.elements[index])")
          return
        }
      }
    }
  }

  @Test("every bfloat16 is read as the upper half of a Float")
  func brainFloats() throws {
    let singles = try read(bytes(Self.patterns), .bfloat16, columns: 65536, as: Float.self)
    let doubles = try read(bytes(Self.patterns), .bfloat16, columns: 65536, as: Double.self)
    for (index, pattern) in Self.patterns.enumerated() {
      let expected = Float(bitPattern: UInt32(pattern) << 16)
      if expected.isNaN {
        #expect(singles.elements[index].isNaN && doubles.elements[index].isNaN)
      } else {
        guard singles.elements[index].bitPattern == expected.bitPattern,
          doubles.elements[index] == Double(expected)
        else {
          Issue.record("bfloat16 \(pattern) was read as \(singles.elements[index])")
          return
        }
      }
    }
  }

  @Test("every half and bfloat16 survives being read and written")
  func narrowRoundTrips() throws {
    for type in [ElementType.float16, .bfloat16] {
      let singles = try read(bytes(Self.patterns), type, columns: 65536, as: Float.self)
      let doubles = try read(bytes(Self.patterns), type, columns: 65536, as: Double.self)
      for back in try [written(singles.elements, as: type), written(doubles.elements, as: type)] {
        let changed = Self.patterns.indices.filter {
          !singles.elements[$0].isNaN && back[$0] != Self.patterns[$0]
        }
        #expect(changed.isEmpty)
        let again = try read(bytes(back), type, columns: 65536, as: Float.self)
        #expect(zip(singles.elements, again.elements).allSatisfy { $0.isNaN == $1.isNaN })
      }
    }
  }

  /// Each half's neighbourhood: the half, the midpoint to the next, and the Floats around it.
  @Test("Float and Double round to the nearest half, ties to even, overflow to infinity")
  func roundingToHalf() throws {
    var doubles: [Double] = [65519.999, 65520, 1e30, -1e300, 0x1p-25, 0x1.0000000000001p-25, -0.0]
    for pattern in stride(from: UInt16(0), to: 0x7c00, by: 7) {
      let half = Double(Float16(bitPattern: pattern))
      let middle = half + (Double(Float16(bitPattern: pattern).nextUp) - half) / 2
      for value in [half, middle, middle.nextUp, middle.nextDown] { doubles += [value, -value] }
    }
    #expect(
      try written(doubles, as: .float16) == doubles.map { Float16($0).bitPattern })
    let singles = doubles.map(Float.init)
    #expect(try written(singles, as: .float16) == singles.map { Float16($0).bitPattern })
  }

  @Test("Float and Double round to the nearest bfloat16, ties to even, overflow to infinity")
  func roundingToBrainFloat() throws {
    let cases: [(Double, UInt16)] = [
      (1, 0x3f80), (1 + 0x1p-8, 0x3f80), (1 + 0x1p-8 + 0x1p-50, 0x3f81), (1 + 0x3p-8, 0x3f82),
      (-1 - 0x3p-8 + 0x1p-50, 0xbf81), (3.4e38, 0x7f80), (1e300, 0x7f80), (-1e300, 0xff80),
      (.infinity, 0x7f80), (0x1p-133, 1), (0x1p-134, 0), (0x1.8p-134, 1), (-0.0, 0x8000),
    ]
    #expect(try written(cases.map(\.0), as: .bfloat16) == cases.map(\.1))
    #expect(
      try written([Float.nan, Float(bitPattern: 0x7f80_0001)], as: .bfloat16)
        .allSatisfy { $0 & 0x7f80 == 0x7f80 && $0 & 0x7f != 0 })
  }

  @Test("float32 and float64 keep their bits and convert to each other")
  func wideTypes() throws {
    let doubles: [Double] = [0, -0.0, 1.1, -3e38, 1e300, .infinity, .leastNonzeroMagnitude]
    let patterns = bytes(doubles.map(\.bitPattern))
    let same = try read(patterns, .float64, columns: 7, as: Double.self)
    #expect(same.elements.map(\.bitPattern) == doubles.map(\.bitPattern))
    let narrow = try read(patterns, .float64, columns: 7, offset: 3, as: Float.self)
    #expect(narrow.elements == doubles.map(Float.init))
    let singles = narrow.elements
    let wide = try read(
      bytes(singles.map(\.bitPattern)), .float32, columns: 7, offset: 1, as: Double.self)
    #expect(wide.elements == singles.map(Double.init))
  }

  @Test(
    "a strided block is the block of the whole", arguments: ElementType.floatingPoint, [0, 1, 8])
  func stridedBlocks(type: ElementType, offset: Int) throws {
    let (rows, columns) = (37, 29)
    let numbers = Matrix<Float>(
      rows: rows, columns: columns, elements: (0..<rows * columns).map { Float($0 % 251) - 100 })
    let folder = try TemporaryFolder()
    var file = try AtomicFile(at: folder["block"])
    try file.write([UInt8](repeating: 7, count: offset))
    try file.write(numbers, as: type)
    try file.commit()
    let whole = try MappedMatrix(
      in: MemoryMap(opening: folder["block"]), elementType: type, byteOffset: offset, rows: rows,
      columns: columns)
    #expect(whole.matrix(as: Float.self) == numbers)
    let block = whole[columns: 5..<18][rows: 3..<30]
    #expect(block.matrix() == Matrix<Float>(numbers.view[rows: 3..<30, columns: 5..<18]))
    #expect(
      block.matrix() == Matrix<Double>(converting: numbers.view[rows: 3..<30, columns: 5..<18]))
    #expect(whole[rows: 2..<2].matrix(as: Float.self).elements.isEmpty)
    #expect(whole[columns: 29..<29][rows: 37..<37].matrix(as: Float.self).elements.isEmpty)
    if type == .float32, offset != 1 {
      let view: MatrixView<Float> = try block.view()
      #expect(Matrix(view) == block.matrix())
    } else {
      #expect(throws: TensorFileError.self) { _ = try block.view(as: Float.self) }
    }
  }

  @Test("names are parsed as they are written")
  func names() {
    for type in ElementType.floatingPoint {
      #expect(ElementType(numpy: type.name) == type)
      #expect(type.safetensorsName.flatMap(ElementType.init(safetensors:)) == type)
      if let descriptor = type.numpyDescriptor { #expect(ElementType(numpy: descriptor) == type) }
    }
    for name in ["f2", "=f2", "|f2"] { #expect(ElementType(numpy: name) == .float16) }
    for name in [">f4", "", "<", "f3", "F4", "<<f4"] { #expect(ElementType(numpy: name) == nil) }
    #expect(ElementType(safetensors: "f32") == nil)
  }
}
