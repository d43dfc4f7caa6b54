import Algorithms
import LinearAlgebra
import TensorFiles

/// Rows of one block that follow each other in many small pieces, such as one for each example.
struct SplicedRows: DerivedRows {
  private let pieces: [BlockSource]
  /// Where each piece begins, and where the last one ends.
  private var starts = [0]

  /// Splices pieces of so many rows each.
  init(_ pieces: [(source: BlockSource, rows: Int)]) {
    self.pieces = pieces.map(\.source)
    for piece in pieces { starts.append(starts[starts.count - 1] + piece.rows) }
  }

  var elementType: ElementType { .common(pieces.map(\.elementType)) }

  func read<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, into matrix: inout Matrix<Element>, firstRow: Int
  ) throws {
    var row = rows.lowerBound
    var piece = starts.partitioningIndex { $0 > row } - 1
    while row < rows.upperBound {
      let end = min(rows.upperBound, starts[piece + 1])
      try pieces[piece].read(
        rows: row - starts[piece]..<end - starts[piece], columns: columns, into: &matrix,
        firstRow: firstRow + row - rows.lowerBound)
      (row, piece) = (end, piece + 1)
    }
  }
}
