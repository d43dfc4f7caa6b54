public import LinearAlgebra

/// A tensor of a `.pt` file: numbers of a storage, which may lie apart, in another order, or be shared with other tensors.
public struct TorchTensor: Sendable {
  /// The file.
  public let map: MemoryMap
  /// How numbers are stored; nil for integers and truth values.
  public let elementType: ElementType?
  /// What PyTorch calls the storage's type: `Float`, `Long`.
  public let typeName: String
  /// The tensor's dimensions; none for a scalar.
  public let shape: [Int]
  /// How far apart two numbers are along each dimension, in elements.
  public let strides: [Int]
  /// Where the first number starts, in bytes from the start of the file.
  public let byteOffset: Int

  /// As a matrix, a tensor has `shape[0]` rows; 1 for a scalar.
  public var rows: Int { TensorShape.matrix(of: shape).rows }
  /// As a matrix, a tensor has a column for each index of the other dimensions; 1 where there are none.
  public var columns: Int { TensorShape.matrix(of: shape).columns }

  /// The same numbers as a single row, whose shape is the tensor's.
  public var asRow: TorchTensor {
    TorchTensor(
      map: map, elementType: elementType, typeName: typeName, shape: [1] + shape,
      strides: [0] + strides, byteOffset: byteOffset)
  }

  /// The tensor in the file as a matrix; nil where it must be gathered, or is not of floating point.
  public var mapped: MappedMatrix? {
    guard let elementType else { return nil }
    var dense = 1
    for (dimension, stride) in zip(shape, strides).dropFirst().reversed() where dimension != 1 {
      guard stride == dense || dimension == 0 else { return nil }
      dense *= dimension
    }
    let distance = rows > 1 ? strides.first ?? columns : columns
    guard rows * columns == 0 || distance >= columns else { return nil }
    return try? MappedMatrix(
      in: map, elementType: elementType, byteOffset: byteOffset, rows: rows, columns: columns,
      rowStride: max(distance, columns))
  }

  /// Copies a rectangle of the matrix, converted, into rows of a matrix of as many columns.
  ///
  /// - Throws: ``TensorFileError/unsupportedElementType(path:field:found:supported:)`` for integers.
  public func read<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, into matrix: inout Matrix<Element>, firstRow: Int
  ) throws(TensorFileError) {
    if let mapped {
      return mapped[rows: rows][columns: columns].read(into: &matrix, firstRow: firstRow)
    }
    guard let elementType else {
      throw .unsupportedElementType(
        path: map.path, field: "tensor", found: typeName, supported: "Half, BFloat16, Float, Double"
      )
    }
    guard !rows.isEmpty, !columns.isEmpty else { return }
    let size = elementType.byteCount
    let places = columns.map { size * place(ofColumn: $0) }
    let step = size * (strides.first ?? 0)
    let last = (places.max() ?? 0) + step * (rows.upperBound - 1) + size
    let packed = try map.withBytes(in: byteOffset..<byteOffset + last) {
      (bytes) throws(TensorFileError) in
      var packed: [UInt8] = []
      packed.reserveCapacity(rows.count * columns.count * size)
      for row in rows {
        for place in places {
          for byte in 0..<size { packed.append(bytes[row * step + place + byte]) }
        }
      }
      return packed
    }
    matrix.unpackRows(
      from: firstRow, count: rows.count, packed.span, format: elementType.format,
      byteStride: columns.count * size)
  }

  /// How far a column is from a row's first number, in elements.
  private func place(ofColumn column: Int) -> Int {
    var (rest, place) = (column, 0)
    for (dimension, stride) in zip(shape, strides).dropFirst().reversed() {
      place += rest % dimension * stride
      rest /= dimension
    }
    return place
  }
}
