public import LinearAlgebra

extension MappedMatrix {
  /// The numbers as a dense matrix: exact, but for float64 read as `Float`, which rounds to nearest
  /// even (and to infinity above 3.4·10³⁸).
  ///
  /// Of int8, the integers themselves; see ``ElementType/int8``.
  ///
  /// - Complexity: O(rows · columns), at the speed of memory.
  public func matrix<Element: Scalar>(as type: Element.Type = Element.self) -> Matrix<Element> {
    var matrix = Matrix<Element>.zeros(rows, columns)
    read(into: &matrix)
    return matrix
  }

  /// Reads the numbers into rows of a matrix that the caller reuses, on several threads where there
  /// are many.
  ///
  /// Bytes need not be aligned.
  ///
  /// - Parameters:
  ///   - destination: Has ``columns`` columns; the rows that are read are replaced.
  ///   - firstRow: Where the first row goes.
  public func read<Element: Scalar>(into destination: inout Matrix<Element>, firstRow: Int = 0) {
    read(into: &destination, firstRow: firstRow, scales: [])
  }

  /// Reads the numbers, each row of int8 multiplied by its scale; other types have none.
  package func read<Element: Scalar>(
    into destination: inout Matrix<Element>, firstRow: Int, scales: [Float]
  ) {
    precondition(
      destination.columns == columns,
      "rows of \(destination.columns) numbers cannot take rows of \(columns)")
    precondition(scales.isEmpty || elementType == .int8, "\(elementType) has no scales")
    withCheckedBytes { bytes in
      destination.unpackRows(
        from: firstRow, count: rows, bytes, format: elementType.format,
        byteStride: rowStride * elementType.byteCount, scales: scales)
    }
  }

  /// The rows for products that read them where they lie; nil for types that are converted first.
  ///
  /// - Parameter scales: A factor for each row of int8; none for other types.
  package func storedRows(scales: [Float] = []) -> StoredRows? {
    guard StoredRows.canBeRead(elementType.format) else { return nil }
    return StoredRows(
      rows: rows, columns: columns, format: elementType.format,
      byteStride: rowStride * elementType.byteCount, scales: scales
    ) { body in withCheckedBytes(body) }
  }

  private func withCheckedBytes<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
    do throws(TensorFileError) {
      return try map.withBytes(in: byteRange) { bytes throws(TensorFileError) in body(bytes) }
    } catch {
      preconditionFailure("a mapped matrix was checked when it was made: \(error)")
    }
  }
}

extension ElementType {
  /// The type whose numbers lie in a file as they lie in memory.
  static func native<Element: Scalar>(of type: Element.Type) -> ElementType {
    Element.self == Float.self ? .float32 : .float64
  }

  /// How numbers of this type lie in a file.
  var format: PackedFormat {
    switch self {
    case .float16: .binary16
    case .bfloat16: .bfloat16
    case .float32: .binary32
    case .float64: .binary64
    case .int8: .int8
    }
  }
}
