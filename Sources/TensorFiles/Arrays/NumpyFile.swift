public import Foundation
public import LinearAlgebra

/// A `.npy` file: one array of numbers with its shape, memory-mapped.
///
/// Versions 1.0, 2.0 and 3.0, C and Fortran order, little-endian and big-endian. Numbers are float16,
/// float32 or float64; int32 and int64 arrays open too, for ``integers()``. Everything else (objects,
/// records) is refused by name when the file is opened. As a matrix, an array has `shape[0]` rows: a vector is
/// `n × 1`, a scalar `1 × 1`, more dimensions are flattened to `shape[0] × rest`.
public struct NumpyFile: Sendable {
  /// The file.
  public let map: MemoryMap
  /// The type as the header spells it: `<f4`.
  public let descriptor: String
  /// How numbers are stored; nil for an array of integers.
  public let elementType: ElementType?
  /// The array's dimensions; none for a scalar.
  public let shape: [Int]
  /// Whether the first index, not the last, runs fastest in the file.
  public let isFortranOrder: Bool
  /// Where the first number starts, in bytes from the start of the file.
  public let dataOffset: Int

  /// Whether the highest byte of each number comes first.
  public var isBigEndian: Bool { descriptor.hasPrefix(">") }
  /// Whether rows lie one after the other, as numbers of this machine do: what ``mapped()`` needs.
  public var isMappable: Bool { !isBigEndian && (!isFortranOrder || shape.count < 2) }

  /// Opens a file and checks that header and size agree.
  ///
  /// - Throws: ``TensorFileError`` where it cannot be read, is not a `.npy` file, is cut short, has
  ///   bytes too many, or holds a type that is not supported.
  /// - Complexity: O(1) in the size of the array.
  public init(opening url: URL) throws(TensorFileError) {
    let map = try MemoryMap(opening: url)
    let header = try NumpyHeader(of: map)
    let element = try NumpyHeader.element(named: header.descriptor, path: map.path)
    let shape = try TensorShape(
      header.shape, bitCount: 8 * element.byteCount, path: map.path, field: "shape")
    let expected = shape.elementCount * element.byteCount
    let found = map.count - header.dataOffset
    guard found >= expected else {
      throw .byteCountMismatch(path: map.path, field: "data", expected: expected, found: found)
    }
    guard found == expected else {
      throw .trailingBytes(
        path: map.path, offset: header.dataOffset + expected, byteCount: found - expected)
    }
    self.map = map
    descriptor = header.descriptor
    elementType = element.type
    self.shape = header.shape
    isFortranOrder = header.isFortranOrder
    dataOffset = header.dataOffset
  }

  /// The array in the file, as a matrix to be read whole or in parts.
  ///
  /// - Throws: ``TensorFileError`` where the array holds integers, or is not ``isMappable``: of big-endian
  ///   numbers, or in Fortran order with two dimensions or more.
  public func mapped() throws(TensorFileError) -> MappedMatrix {
    guard isMappable else {
      throw .invalidShape(
        path: map.path, field: isBigEndian ? "descr" : "fortran_order", shape: shape,
        reason:
          "\(isBigEndian ? "numbers are big-endian" : "rows are not contiguous in Fortran order"); read it as a matrix (a copy), or save numpy.ascontiguousarray(a, \"<f4\")"
      )
    }
    let (rows, columns) = TensorShape.matrix(of: shape)
    return try stored(rows: rows, columns: columns)
  }

  /// The array as a dense matrix, or only the given rows of it.
  ///
  /// - Parameters:
  ///   - type: `Float` or `Double`.
  ///   - range: The rows to read; all of them unless given.
  /// - Throws: ``TensorFileError`` where the array holds integers or has fewer rows.
  public func matrix<Element: Scalar>(
    as type: Element.Type = Element.self, rows range: Range<Int>? = nil
  ) throws(TensorFileError) -> Matrix<Element> {
    let (rows, columns) = TensorShape.matrix(of: shape)
    let range = range ?? 0..<rows
    guard range.lowerBound >= 0, range.upperBound <= rows else {
      throw .invalidShape(
        path: map.path, field: "rows \(range)", shape: shape, reason: "there are \(rows) rows")
    }
    guard isFortranOrder, shape.count > 1 else {
      return try numbers(rows: range, columns: 0..<columns, stride: columns, as: type)
    }
    let columnsFirst = try numbers(rows: 0..<columns, columns: range, stride: rows, as: type)
    return transposed(
      shape.count == 2 ? columnsFirst : columnsFirst.selecting(rows: columnsInFortranOrder))
  }

  /// Where each column of a row lies among the columns as Fortran orders them.
  private var columnsInFortranOrder: [Int] {
    var order = [0]
    var stride = 1
    for dimension in shape.dropFirst() {
      order = order.flatMap { place in (0..<dimension).map { place + $0 * stride } }
      stride *= dimension
    }
    return order
  }

  /// A part of the data taken as a matrix of so many columns.
  private func numbers<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, stride: Int, as type: Element.Type
  ) throws(TensorFileError) -> Matrix<Element> {
    let whole = try stored(rows: rows.upperBound, columns: stride)
    guard isBigEndian else { return whole[rows: rows][columns: columns].matrix(as: type) }
    let size = whole.elementType.byteCount
    var matrix = Matrix<Element>.zeros(rows.count, columns.count)
    for (place, row) in rows.enumerated() {
      let start = dataOffset + (row * stride + columns.lowerBound) * size
      var bytes = try map.bytes(in: start..<start + columns.count * size)
      for first in Swift.stride(from: 0, to: bytes.count, by: size) {
        bytes[first..<first + size].reverse()
      }
      matrix.unpackRows(
        from: place, count: 1, bytes.span, format: whole.elementType.format,
        byteStride: bytes.count)
    }
    return matrix
  }

  /// The array in place, without a copy.
  ///
  /// - Throws: ``TensorFileError`` where the stored type is not `Element`, or the order is Fortran's;
  ///   read ``matrix(as:rows:)`` then.
  public func view<Element: Scalar>(
    as type: Element.Type = Element.self
  ) throws(TensorFileError) -> MatrixView<Element> {
    try mapped().view(as: type)
  }

  /// The numbers of an array of int32 or int64, in the order of the file.
  ///
  /// - Throws: ``TensorFileError/unsupportedElementType(path:field:found:supported:)`` for floats.
  public func integers() throws(TensorFileError) -> [Int] {
    let count = shape.reduce(1, *)
    switch descriptor.suffix(2) {
    case "i4":
      return try map.elements(of: Int32.self, byteOffset: dataOffset, count: count)
        .map { Int(isBigEndian ? $0.byteSwapped : $0) }
    case "i8":
      return try map.elements(of: Int64.self, byteOffset: dataOffset, count: count)
        .map { Int(isBigEndian ? $0.byteSwapped : $0) }
    default:
      throw .unsupportedElementType(
        path: map.path, field: "descr", found: descriptor, supported: "<i4, <i8 for integers")
    }
  }

  private func stored(rows: Int, columns: Int) throws(TensorFileError) -> MappedMatrix {
    guard let elementType else {
      throw .unsupportedElementType(
        path: map.path, field: "descr", found: descriptor, supported: "<f2, <f4, <f8 for matrices")
    }
    return try MappedMatrix(
      in: map, elementType: elementType, byteOffset: dataOffset, rows: rows, columns: columns)
  }
}

/// The transpose, copied square by square so that both sides stay in cache.
@specialized(where Element == Float)
@specialized(where Element == Double)
private func transposed<Element: Scalar>(_ matrix: Matrix<Element>) -> Matrix<Element> {
  let (rows, columns, side) = (matrix.columns, matrix.rows, 32)
  var elements = [Element](repeating: 0, count: rows * columns)
  let source = matrix.elements.span
  for firstRow in stride(from: 0, to: rows, by: side) {
    for firstColumn in stride(from: 0, to: columns, by: side) {
      for row in firstRow..<min(firstRow + side, rows) {
        for column in firstColumn..<min(firstColumn + side, columns) {
          elements[row &* columns &+ column] = source[column &* rows &+ row]
        }
      }
    }
  }
  return Matrix(rows: rows, columns: columns, elements: elements)
}
