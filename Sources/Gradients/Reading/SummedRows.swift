import Algorithms
import LinearAlgebra
import TensorFiles

/// Rows that are sums of consecutive rows of a file: the gradients of examples, from those of their tokens.
struct SummedRows: Sendable {
  /// One row per token.
  let tokens: MappedMatrix
  /// Where each example's tokens begin, and where the last one's end; `examples + 1`, ascending.
  let offsets: ArraySlice<Int>

  /// The given examples alone.
  subscript(rows rows: Range<Int>) -> SummedRows {
    let first = offsets.startIndex
    return SummedRows(
      tokens: tokens,
      offsets: offsets[first + rows.lowerBound...first + rows.upperBound])
  }

  /// The type of the sums: at least single precision.
  var elementType: ElementType { tokens.elementType == .float64 ? .float64 : .float32 }

  /// Sums, added in double precision and rounded once; of an example without tokens zeros.
  func matrix<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, as type: Element.Type
  ) throws -> Matrix<Element> {
    var sums = Matrix<Double>.zeros(rows.count, columns.count)
    let first = offsets.startIndex
    // A few megabytes of tokens at a time.
    let step = max(1, (1 << 19) / max(1, columns.count))
    for (place, row) in rows.enumerated() {
      for part in (offsets[first + row]..<offsets[first + row + 1]).chunks(ofCount: step) {
        let numbers = tokens[rows: part][columns: columns].matrix(as: Double.self)
        sums.add(
          product: Matrix(repeating: 1, rows: 1, columns: part.count).view, numbers.view,
          firstRow: place)
      }
    }
    return Matrix(converting: sums)
  }
}
