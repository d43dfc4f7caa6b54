public import LinearAlgebra

/// A `rows × columns` matrix of stored numbers inside a memory map: checked once, read at will.
///
/// The stored type can be any ``ElementType``; it is read as `Float` or `Double`. Rows may be apart
/// (`rowStride`), so a block of a wide gradient store, and a chunk of rows of it, are mapped matrices
/// too: ``subscript(rows:)`` and ``subscript(columns:)`` cost nothing.
public struct MappedMatrix: Sendable {
  /// The file.
  public let map: MemoryMap
  /// How each number is stored.
  public let elementType: ElementType
  /// Where element (0, 0) starts, in bytes from the start of the file.
  public let byteOffset: Int
  /// The number of rows.
  public let rows: Int
  /// The number of columns.
  public let columns: Int
  /// The distance between two rows, in elements.
  public let rowStride: Int
}

extension MappedMatrix {
  /// Places a matrix in a map.
  ///
  /// - Parameters:
  ///   - map: The file.
  ///   - elementType: How each number is stored.
  ///   - byteOffset: Where element (0, 0) starts; it need not be aligned.
  ///   - rows: The number of rows.
  ///   - columns: The number of columns.
  ///   - rowStride: The distance between two rows, in elements; `columns` unless given.
  /// - Throws: ``TensorFileError`` where the rectangle is not inside the file.
  public init(
    in map: MemoryMap, elementType: ElementType, byteOffset: Int, rows: Int, columns: Int,
    rowStride: Int? = nil
  ) throws(TensorFileError) {
    let rowStride = rowStride ?? columns
    let extent = try map.extent(
      ofRows: rows, columns: columns, rowStride: rowStride, elementSize: elementType.byteCount)
    _ = try map.byteRange(from: byteOffset, count: extent, of: elementType.byteCount)
    self.init(
      map: map, elementType: elementType, byteOffset: byteOffset, rows: rows, columns: columns,
      rowStride: rowStride)
  }

  /// The given rows, all columns.
  ///
  /// - Complexity: O(1).
  public subscript(rows range: Range<Int>) -> MappedMatrix {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= rows,
      "rows \(range) of a \(rows) × \(columns) matrix")
    let isEmpty = range.isEmpty || columns == 0
    let start = isEmpty ? 0 : range.lowerBound * rowStride * elementType.byteCount
    return MappedMatrix(
      map: map, elementType: elementType, byteOffset: byteOffset + start, rows: range.count,
      columns: columns, rowStride: rowStride)
  }

  /// The given columns, all rows.
  ///
  /// - Complexity: O(1).
  public subscript(columns range: Range<Int>) -> MappedMatrix {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= columns,
      "columns \(range) of a \(rows) × \(columns) matrix")
    let isEmpty = range.isEmpty || rows == 0
    let start = isEmpty ? 0 : range.lowerBound * elementType.byteCount
    return MappedMatrix(
      map: map, elementType: elementType, byteOffset: byteOffset + start, rows: rows,
      columns: range.count, rowStride: rowStride)
  }

  /// The bytes from the first element to the last, gaps between rows included.
  public var byteRange: Range<Int> {
    let extent = rows == 0 || columns == 0 ? 0 : (rows - 1) * rowStride + columns
    return byteOffset..<byteOffset + extent * elementType.byteCount
  }

  /// The numbers in place, without a copy.
  ///
  /// - Parameter type: `Float` where float32 is stored, `Double` where float64 is stored.
  /// - Throws: ``TensorFileError`` where another type is stored, or the values are not aligned; read
  ///   ``matrix(as:)`` then.
  public func view<Element: Scalar>(
    as type: Element.Type = Element.self
  ) throws(TensorFileError) -> MatrixView<Element> {
    let viewable = ElementType.native(of: type)
    guard elementType == viewable else {
      throw .unsupportedElementType(
        path: map.path, field: "view", found: elementType.name, supported: viewable.name)
    }
    return try map.view(
      of: type, byteOffset: byteOffset, rows: rows, columns: columns, rowStride: rowStride)
  }
}
