import LinearAlgebra
import TensorFiles

/// Gradients whose numbers every element type stores exactly, so that what is read can be compared
/// with `==`: quarters from −5 to 5, different from row to row and from column to column.
struct Sample: Sendable {
  struct Parameter: Sendable {
    let name: String
    let shape: [Int]
    var width: Int { shape.reduce(1, *) }
  }

  let rows: Int
  let parameters: [Parameter]

  init(rows: Int = 5, _ parameters: [(String, [Int])] = [("b", [3]), ("a", [2, 2]), ("c", [1])]) {
    self.rows = rows
    self.parameters = parameters.map { Parameter(name: $0.0, shape: $0.1) }
  }

  var width: Int { parameters.reduce(0) { $0 + $1.width } }

  /// The columns of one block.
  func columns(_ block: Int) -> Range<Int> {
    let start = parameters[..<block].reduce(0) { $0 + $1.width }
    return start..<start + parameters[block].width
  }

  static func value(_ row: Int, _ column: Int) -> Double {
    let mixed: Int = row * 31 + column * 17 + row * column
    return Double(mixed % 41 - 20) / 4
  }

  /// A rectangle of the numbers.
  func matrix<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, as type: Element.Type = Element.self
  ) -> Matrix<Element> {
    Matrix(
      rows: rows.count, columns: columns.count,
      elements: rows.flatMap { row in columns.map { Element(Self.value(row, $0)) } })
  }

  /// One matrix per block, for a writer.
  func blocks<Element: Scalar>(
    rows: Range<Int>, as type: Element.Type = Element.self
  ) -> [Matrix<Element>] {
    parameters.indices.map { matrix(rows: rows, columns: columns($0)) }
  }
}

/// Encodings of numbers that are exact, and normal or zero, in their type.
///
/// Written down here a second time, so that reader and writer cannot be wrong in the same way.
enum Bytes {
  static func of(_ value: Double, as type: ElementType) -> [UInt8] {
    switch type {
    case .float16: littleEndian(half(Float(value)))
    case .bfloat16: littleEndian(UInt16(Float(value).bitPattern >> 16))
    case .float32: littleEndian(Float(value).bitPattern)
    case .float64: littleEndian(value.bitPattern)
    case .int8: preconditionFailure("an int8 alone is no number")
    }
  }

  static func of(_ matrix: Matrix<Double>, as type: ElementType) -> [UInt8] {
    matrix.elements.flatMap { of($0, as: type) }
  }

  static func littleEndian<Integer: FixedWidthInteger & UnsignedInteger>(
    _ value: Integer
  ) -> [UInt8] {
    (0..<Integer.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> Integer($0 * 8)) }
  }

  private static func half(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let sign = UInt16(truncatingIfNeeded: (bits >> 16) & 0x8000)
    guard value != 0 else { return sign }
    return sign | UInt16(truncatingIfNeeded: ((bits >> 13) & 0x3_ffff) - (112 << 10))
  }
}
