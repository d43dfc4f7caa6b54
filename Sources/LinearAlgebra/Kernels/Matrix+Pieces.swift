/// Many small matrices of one shape, one above or beside the other, so that one product turns them all.
extension Matrix {
  /// Pieces of `rowsEach` rows, which lie one above the other, one beside the other.
  ///
  /// - Parameter rowsEach: The rows of a piece; divides ``rows``.
  /// - Returns: `rowsEach × (pieces · columns)`.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  package func sideBySide(rowsEach: Int) -> Matrix {
    precondition(rowsEach > 0 && rows.isMultiple(of: rowsEach), "\(rows) rows in \(rowsEach)s")
    let (pieces, width) = (rows / rowsEach, columns)
    var result = Matrix.zeros(rowsEach, pieces * width)
    unsafe elements.withUnsafeBufferPointer { source in
      unsafe result.elements.withUnsafeMutableBufferPointer { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        for piece in 0..<pieces {
          for row in 0..<rowsEach {
            unsafe (target + (row * pieces + piece) * width).update(
              from: source + (piece * rowsEach + row) * width, count: width)
          }
        }
      }
    }
    return result
  }

  /// Pieces of `columnsEach` columns, which lie one beside the other, each as one row: its rows one
  /// after the other.
  ///
  /// - Parameter columnsEach: The columns of a piece; divides ``columns``.
  /// - Returns: `pieces × (rows · columnsEach)`.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  package func piecesAsRows(columnsEach: Int) -> Matrix {
    precondition(
      columnsEach > 0 && columns.isMultiple(of: columnsEach),
      "\(columns) columns in \(columnsEach)s")
    let (pieces, width) = (columns / columnsEach, columnsEach)
    var result = Matrix.zeros(pieces, rows * width)
    unsafe elements.withUnsafeBufferPointer { source in
      unsafe result.elements.withUnsafeMutableBufferPointer { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        for row in 0..<rows {
          for piece in 0..<pieces {
            unsafe (target + (piece * rows + row) * width).update(
              from: source + (row * pieces + piece) * width, count: width)
          }
        }
      }
    }
    return result
  }
}

extension Matrix where Element == Double {
  /// Adds the squares of all pieces of another matrix, element by element.
  ///
  /// - Parameter pieces: Pieces of this matrix's shape, one beside the other.
  @specialized(where Other == Float)
  @specialized(where Other == Double)
  package mutating func addSquares<Other: Scalar>(ofPieces pieces: Matrix<Other>) {
    let (width, across) = (columns, pieces.columns)
    precondition(
      pieces.rows == rows && (width > 0 ? across.isMultiple(of: width) : across == 0),
      "\(pieces.rows) × \(across) is not pieces of \(rows) × \(width)")
    unsafe pieces.elements.withUnsafeBufferPointer { source in
      unsafe elements.withUnsafeMutableBufferPointer { sums in
        for row in 0..<rows {
          for first in stride(from: row * across, to: (row + 1) * across, by: max(1, width)) {
            for column in 0..<width {
              let value = unsafe Double(source[first + column])
              unsafe sums[row * width + column] += value * value
            }
          }
        }
      }
    }
  }
}
