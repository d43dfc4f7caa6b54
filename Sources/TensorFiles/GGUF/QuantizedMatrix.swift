package import LinearAlgebra

/// A matrix of quantized blocks inside a memory map: checked once, converted to numbers when asked.
///
/// Each row is whole blocks, so that any range of rows can be converted by itself.
package struct QuantizedMatrix: Sendable {
  private let map: MemoryMap
  private let blocks: QuantizedBlocks
  private let byteOffset: Int
  /// The number of rows.
  package let rows: Int
  /// The number of columns, a multiple of 32.
  package let columns: Int

  /// Places a matrix in a map.
  ///
  /// - Throws: ``TensorFileError`` where the blocks are not inside the file, or rows are no whole blocks.
  package init(
    in map: MemoryMap, blocks: QuantizedBlocks, byteOffset: Int, rows: Int, columns: Int
  ) throws(TensorFileError) {
    guard columns.isMultiple(of: QuantizedBlocks.size) else {
      throw .invalidShape(
        path: map.path, field: "matrix", shape: [rows, columns],
        reason: "rows of quantized numbers have multiples of \(QuantizedBlocks.size) columns")
    }
    let width = columns / QuantizedBlocks.size * blocks.byteCount
    let extent = try map.extent(ofRows: rows, columns: width, rowStride: width, elementSize: 1)
    _ = try map.byteRange(from: byteOffset, count: extent, of: 1)
    (self.map, self.blocks, self.byteOffset) = (map, blocks, byteOffset)
    (self.rows, self.columns) = (rows, columns)
  }

  /// Some rows as numbers.
  ///
  /// Pieces of some 65,000 numbers are converted by several threads, some at a time, so that little
  /// more than the result is ever in memory.
  ///
  /// - Parameter range: Rows of this matrix.
  /// - Complexity: O(rows · columns).
  package func matrix(rows range: Range<Int>) -> Matrix<Float> {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= rows,
      "rows \(range) of a \(rows) × \(columns) matrix")
    var elements: [Float] = []
    elements.reserveCapacity(range.count * columns)
    let rowsAPiece = max(1, (1 << 16) / max(columns, 1))
    let rowsAtOnce = rowsAPiece * 4 * Parallelism.threads
    for first in stride(from: range.lowerBound, to: range.upperBound, by: rowsAtOnce) {
      let end = min(first + rowsAtOnce, range.upperBound)
      var pieces = [[Float]](
        repeating: [], count: (end - first + rowsAPiece - 1) / rowsAPiece)
      Parallelism.update(&pieces) { index, piece in
        let start = first + index * rowsAPiece
        piece = numbers(start..<min(start + rowsAPiece, end))
      }
      for piece in pieces { elements += piece }
    }
    return Matrix(rows: range.count, columns: columns, elements: elements)
  }

  private func numbers(_ range: Range<Int>) -> [Float] {
    let width = columns / QuantizedBlocks.size * blocks.byteCount
    let bytes = byteOffset + range.lowerBound * width..<byteOffset + range.upperBound * width
    do throws(TensorFileError) {
      return try map.withBytes(in: bytes) { bytes throws(TensorFileError) in
        blocks.numbers(bytes)
      }
    } catch {
      preconditionFailure("a quantized matrix was checked when it was made: \(error)")
    }
  }
}
