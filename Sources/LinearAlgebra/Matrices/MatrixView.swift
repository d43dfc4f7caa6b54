/// A read-only look at a rectangle of numbers, without a copy.
///
/// A view is a row-major rectangle with a row stride, so a column slice of a wide matrix (one block
/// of a gradient store, say) is a view too; or the transpose of one. Views are values: they keep
/// what they look at alive, and never change under the reader.
public struct MatrixView<Element: Scalar>: Sendable {
  /// The number of rows.
  public let rows: Int
  /// The number of columns.
  public let columns: Int
  /// Whether rows and columns are swapped with respect to memory.
  public let isTransposed: Bool
  /// The distance in elements between consecutive rows in memory (columns, if transposed).
  public let rowStride: Int
  let offset: Int
  let storage: ElementStorage<Element>

  init(
    storage: ElementStorage<Element>, offset: Int, rows: Int, columns: Int, rowStride: Int,
    isTransposed: Bool
  ) {
    let (storedRows, storedColumns) = isTransposed ? (columns, rows) : (rows, columns)
    precondition(rows >= 0 && columns >= 0, "a \(rows) × \(columns) matrix cannot be")
    precondition(
      storedColumns <= rowStride || storedRows <= 1,
      "rows of \(storedColumns) elements overlap at a stride of \(rowStride)")
    if storedRows > 0, storedColumns > 0 {
      precondition(
        offset >= 0 && offset + (storedRows - 1) * rowStride + storedColumns <= storage.count,
        "a view of \(rows) × \(columns) elements reaches past the \(storage.count) stored")
    }
    self.storage = storage
    self.offset = offset
    self.rows = rows
    self.columns = columns
    self.rowStride = rowStride
    self.isTransposed = isTransposed
  }

  /// The same numbers with rows and columns swapped; costs nothing.
  public var transposed: MatrixView {
    MatrixView(
      storage: storage, offset: offset, rows: columns, columns: rows, rowStride: rowStride,
      isTransposed: !isTransposed)
  }

  /// The element in the given row and column.
  public subscript(row: Int, column: Int) -> Element {
    precondition(
      row >= 0 && row < rows && column >= 0 && column < columns,
      "element (\(row), \(column)) of a \(rows) × \(columns) matrix")
    return storage[
      offset + (isTransposed ? column * rowStride + row : row * rowStride + column)]
  }

  /// The sub-matrix of the given rows and columns, without a copy.
  public subscript(rows rowRange: Range<Int>, columns columnRange: Range<Int>) -> MatrixView {
    precondition(
      rowRange.lowerBound >= 0 && rowRange.upperBound <= rows && columnRange.lowerBound >= 0
        && columnRange.upperBound <= columns,
      "rows \(rowRange), columns \(columnRange) of a \(rows) × \(columns) matrix")
    let start =
      isTransposed
      ? columnRange.lowerBound * rowStride + rowRange.lowerBound
      : rowRange.lowerBound * rowStride + columnRange.lowerBound
    return MatrixView(
      storage: storage, offset: rowRange.isEmpty || columnRange.isEmpty ? offset : offset + start,
      rows: rowRange.count, columns: columnRange.count, rowStride: rowStride,
      isTransposed: isTransposed)
  }

  /// The given rows, all columns.
  public subscript(rows range: Range<Int>) -> MatrixView { self[rows: range, columns: 0..<columns] }

  /// The given columns, all rows.
  public subscript(columns range: Range<Int>) -> MatrixView { self[rows: 0..<rows, columns: range] }
}
