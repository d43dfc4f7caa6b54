extension Matrix {
  /// Replaces some rows with packed numbers, read by several threads where there are many.
  ///
  /// A read of `stride` rows apart needs no aligned bytes. Each thread's pieces are small enough that
  /// what is read and what is written fit into a core's cache together.
  ///
  /// - Parameters:
  ///   - firstRow: The first row to replace.
  ///   - rowCount: How many.
  ///   - bytes: The numbers, `columns` of them every `byteStride` bytes, from the first byte on.
  ///   - format: How they lie there.
  ///   - byteStride: Bytes from one row's first number to the next's.
  ///   - scales: A factor for each row of integers; none for other formats.
  /// - Complexity: O(rows · columns), at the speed of memory.
  package mutating func unpackRows(
    from firstRow: Int, count rowCount: Int, _ bytes: Span<UInt8>, format: PackedFormat,
    byteStride: Int, scales: [Float] = []
  ) {
    guard rowCount > 0, columns > 0 else { return }
    let width = columns
    precondition(
      firstRow >= 0 && firstRow + rowCount <= rows,
      "rows from \(firstRow), \(rowCount) of them, of a matrix of \(rows)")
    precondition(
      byteStride >= width * format.byteCount
        && bytes.count >= (rowCount - 1) * byteStride + width * format.byteCount,
      "\(bytes.count) bytes are not \(rowCount) rows of \(width) numbers")
    precondition(scales.isEmpty || scales.count == rowCount, "a factor for each row, or none")
    let rowsAPiece = max(1, (1 << 16) / width)
    unsafe bytes.withUnsafeBytes { source in
      unsafe elements.withUnsafeMutableBufferPointer { target in
        guard let base = source.baseAddress, let output = target.baseAddress else { return }
        let rows = unsafe PackedRows(
          source: base, target: output + firstRow * width, columns: width, format: format,
          byteStride: byteStride, scales: scales)
        Parallelism.forEach((rowCount + rowsAPiece - 1) / rowsAPiece) { piece in
          for row in piece * rowsAPiece..<min(rowCount, (piece + 1) * rowsAPiece) {
            unsafe rows.unpack(row)
          }
        }
      }
    }
  }
}

/// Rows to convert; threads take different ones.
@unsafe
private struct PackedRows<Element: Scalar>: @unchecked Sendable {
  let source: UnsafeRawPointer
  let target: UnsafeMutablePointer<Element>
  let columns: Int
  let format: PackedFormat
  let byteStride: Int
  let scales: [Float]

  func unpack(_ row: Int) {
    unsafe Element.kernels.unpack(
      format, source + row * byteStride, target + row * columns, columns,
      scales.isEmpty ? 1 : scales[row], source + (row + 1) * byteStride)
  }
}
