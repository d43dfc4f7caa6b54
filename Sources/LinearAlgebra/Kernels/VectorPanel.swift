internal import CKernels

/// A few vectors, laid out once for products with many rows.
///
/// BLAS packs both factors of every product, which takes longer than the product while one of them
/// has few rows. Here the rows are read where they lie, in the type that they are stored in, and
/// several vectors meet several rows in registers. Vectors lie in slices of columns, so that what is
/// used again stays in cache.
package struct VectorPanel: Sendable {
  /// The number of vectors m.
  package let count: Int
  /// The number of columns d.
  package let columns: Int
  /// Slice by slice, and vector by vector in each, filled up with zeros.
  private let elements: [Float]

  /// More vectors than these are multiplied faster by BLAS, whose packing many vectors pay for.
  package static let mostVectors = 128
  /// Lays out the rows of a matrix.
  ///
  /// - Complexity: O(m · d).
  package init(_ vectors: MatrixView<Float>) {
    count = vectors.rows
    columns = vectors.columns
    let (width, stride) = (Int(INFLUENCE_SLICE), Int(INFLUENCE_SLICE_STRIDE))
    let slices = (columns + width - 1) / width
    var elements = [Float](repeating: 0, count: slices * vectors.rows * stride)
    for slice in 0..<slices {
      let first = slice * width
      for row in 0..<vectors.rows {
        let start = (slice * vectors.rows + row) * stride
        vectors.copyRow(row, columns: first..<min(columns, first + width), to: &elements, at: start)
      }
    }
    self.elements = elements
  }

  /// Writes the inner products of every vector with some rows: row after row, `stride` numbers apart.
  @unsafe
  func multiply(
    _ rows: StoredRows, into target: UnsafeMutablePointer<Float>, stride: Int,
    _ instructions: VectorInstructions = .chosen
  ) {
    guard count > 0, columns > 0 else { return }
    unsafe elements.withUnsafeBufferPointer { panel in
      guard let panel = panel.baseAddress else { return }
      unsafe rows.withDescription { description in
        let work = unsafe PanelProducts(
          rows: description, panel: panel, vectors: count, target: target, targetStride: stride,
          instructions: instructions.code)
        // A multiple of every kernel's rows, and enough work for a thread to be worth it.
        let step = max(48, (1 << 20) / (count * columns) / 48 * 48)
        Parallelism.forEach((rows.rows + step - 1) / step) { piece in
          unsafe work.run(piece * step..<min(rows.rows, (piece + 1) * step))
        }
      }
    }
  }
}

/// Products of a panel; threads take different rows.
@unsafe
private struct PanelProducts: @unchecked Sendable {
  let rows: influence_rows
  let panel: UnsafePointer<Float>
  let vectors: Int
  let target: UnsafeMutablePointer<Float>
  let targetStride: Int
  let instructions: influence_instructions

  func run(_ range: Range<Int>) {
    // So few at a time that the panel's slices are not read from memory for each.
    let size = 192
    for first in stride(from: range.lowerBound, to: range.upperBound, by: size) {
      var part = unsafe rows
      unsafe part.base = part.base.map { unsafe $0 + first * part.stride }
      unsafe part.count = min(size, range.upperBound - first)
      unsafe part.scales = part.scales.map { unsafe $0 + first }
      unsafe influence_multiply(
        instructions, &part, panel, vectors, target + first, targetStride)
    }
  }
}

extension MatrixView where Element == Float {
  /// Copies some columns of a row to a place in an array.
  fileprivate func copyRow(
    _ row: Int, columns range: Range<Int>, to elements: inout [Float], at start: Int
  ) {
    if isTransposed {
      for (index, column) in range.enumerated() { elements[start + index] = self[row, column] }
      return
    }
    guard !range.isEmpty else { return }
    unsafe storage.withPointer(at: offset + row * rowStride + range.lowerBound) { source in
      unsafe elements.withUnsafeMutableBufferPointer { target in
        guard let source = unsafe source, let target = target.baseAddress else { return }
        unsafe (target + start).update(from: source, count: range.count)
      }
    }
  }
}
