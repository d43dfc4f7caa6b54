internal import CKernels

extension MatrixView where Element == Float {
  /// The inner products of this one row with rows of packed numbers, which are read once and never
  /// written down as `Float`.
  ///
  /// A single product a number is less work than writing the number to a cache and reading it again.
  ///
  /// - Parameters:
  ///   - bytes: The numbers; a row starts every `byteStride` bytes, the first at the first byte.
  ///   - format: How they lie there.
  ///   - rowCount: How many rows there are.
  ///   - byteStride: Bytes from one row's first number to the next's.
  ///   - scales: A factor for each row of integers; none for other formats.
  /// - Returns: `1 × rowCount`; nil for formats that are not narrower than `Float`, and on processors
  ///   without the instructions.
  /// - Complexity: O(rows · columns), at the speed of memory.
  package func packedProducts(
    with bytes: Span<UInt8>, format: PackedFormat, rowCount: Int, byteStride: Int, scales: [Float]
  ) -> Matrix<Float>? {
    guard hasWideVectors, format.byteCount < 4, rows == 1, !isTransposed else { return nil }
    precondition(
      bytes.count >= max(0, rowCount - 1) * byteStride + columns * format.byteCount
        && (scales.isEmpty || scales.count == rowCount),
      "\(bytes.count) bytes, \(scales.count) factors for \(rowCount) rows of \(columns) numbers")
    var products = Matrix<Float>.zeros(1, rowCount)
    guard rowCount > 0, columns > 0 else { return products }
    unsafe bytes.withUnsafeBytes { source in
      unsafe products.elements.withUnsafeMutableBufferPointer { target in
        unsafe storage.withPointer(at: offset) { vector in
          guard let base = source.baseAddress, let output = target.baseAddress,
            let vector = unsafe vector
          else {
            return
          }
          let work = unsafe PackedProducts(
            vector: vector, source: base, target: output, rowCount: rowCount, columns: columns,
            format: format, byteStride: byteStride, scales: scales)
          let rowsAPiece = max(4, (1 << 17) / columns & ~3)
          Parallelism.forEach((rowCount + rowsAPiece - 1) / rowsAPiece) { piece in
            let end = min(rowCount, (piece + 1) * rowsAPiece)
            for row in stride(from: piece * rowsAPiece, to: end, by: 4) {
              unsafe work.multiply(from: row)
            }
          }
        }
      }
    }
    return products
  }
}

/// Rows to multiply; threads take different ones.
@unsafe
private struct PackedProducts: @unchecked Sendable {
  let vector: UnsafePointer<Float>
  let source: UnsafeRawPointer
  let target: UnsafeMutablePointer<Float>
  let rowCount: Int
  let columns: Int
  let format: PackedFormat
  let byteStride: Int
  let scales: [Float]

  /// Four rows, the last again and again where there are fewer.
  func multiply(from first: Int) {
    func row(_ index: Int) -> UnsafeRawPointer? {
      unsafe source + min(first + index, rowCount - 1) * byteStride
    }
    var sums = (Float(0), Float(0), Float(0), Float(0))
    unsafe withUnsafeTemporaryAllocation(of: UnsafeRawPointer?.self, capacity: 4) { rows in
      for index in 0..<4 { unsafe rows[index] = unsafe row(index) }
      unsafe withUnsafeMutableBytes(of: &sums) { bytes in
        let sums = unsafe bytes.baseAddress?.assumingMemoryBound(to: Float.self)
        switch unsafe format {
        case .binary16: unsafe influence_dot_binary16(rows.baseAddress, vector, columns, sums)
        case .bfloat16: unsafe influence_dot_bfloat16(rows.baseAddress, vector, columns, sums)
        default: unsafe influence_dot_int8(rows.baseAddress, vector, columns, sums)
        }
      }
    }
    let values = [sums.0, sums.1, sums.2, sums.3]
    let end = unsafe min(first + 4, rowCount)
    for row in first..<end {
      unsafe target[row] = scales.isEmpty ? values[row - first] : scales[row] * values[row - first]
    }
  }
}
