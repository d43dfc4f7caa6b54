extension MatrixView {
  /// The squared Euclidean norm of every row, summed in double precision.
  ///
  /// - Complexity: O(rows · columns); reads each element once.
  public func squaredRowNorms() -> [Double] {
    let rowView = self
    precondition(!isTransposed, "row norms of a transposed view would stride through memory")
    var norms = [Double](repeating: 0, count: rows)
    let rowsPerPiece = max(1, 1 << 16 / max(columns, 1))
    norms.withConcurrentAccess { slots in
      Parallelism.forEach((rows + rowsPerPiece - 1) / rowsPerPiece) { piece in
        for row in piece * rowsPerPiece..<min(rowView.rows, (piece + 1) * rowsPerPiece) {
          slots.update(row) { _, norm in
            norm = rowView.dotOfRow(row, with: rowView, row: row)
          }
        }
      }
    }
    return norms
  }

  /// The inner product of one row with a row of another view, summed in double precision.
  ///
  /// - Parameters:
  ///   - row: The row of this view.
  ///   - other: A view with as many columns, not transposed.
  ///   - otherRow: The row of `other`.
  public func dotOfRow(_ row: Int, with other: MatrixView, row otherRow: Int) -> Double {
    precondition(
      columns == other.columns && !isTransposed && !other.isTransposed,
      "rows of \(columns) and \(other.columns) elements have no inner product")
    precondition(row >= 0 && row < rows && otherRow >= 0 && otherRow < other.rows, "no such row")
    return unsafe storage.withPointer(at: offset + row * rowStride) { x in
      unsafe other.storage.withPointer(at: other.offset + otherRow * other.rowStride) { y in
        unsafe Element.kernels.dot(x, y, columns)
      }
    }
  }

  /// The inner products of row i of this view with row i of another, summed in double precision.
  public func rowDots(with other: MatrixView) -> [Double] {
    precondition(rows == other.rows, "\(rows) rows cannot be paired with \(other.rows)")
    return (0..<rows).map { dotOfRow($0, with: other, row: $0) }
  }
}
