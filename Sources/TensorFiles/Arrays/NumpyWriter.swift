public import Foundation
public import LinearAlgebra

/// Writes a `.npy` array row by row, for arrays that are never in memory at once.
///
///     var writer = try NumpyWriter(at: url, rows: 1_000_000, columns: 4_096)
///     for batch in batches { try writer.append(batch) }
///     try writer.commit()
///
/// The file appears under its name whole, at the commit, or not at all.
public struct NumpyWriter: ~Copyable {
  /// The number of rows that the array will have.
  public let rows: Int
  /// The number of columns: of an array of more dimensions, the product of those after the first.
  public let columns: Int
  /// How each number is stored.
  public let elementType: ElementType
  /// Rows appended so far.
  public private(set) var count = 0
  private var file: AtomicFile
  /// Columns of the next row that have been appended.
  private var columnCount = 0

  /// Starts an array of two dimensions; see ``init(at:shape:elementType:)``.
  public init(
    at url: URL, rows: Int, columns: Int, elementType: ElementType = .float32
  ) throws(TensorFileError) {
    try self.init(at: url, shape: [rows, columns], elementType: elementType)
  }

  /// Starts an array of any number of dimensions in C order; its rows, which are appended, are those of
  /// the first dimension with all others flattened.
  ///
  /// - Parameters:
  ///   - url: The file; replaced at the commit where it exists.
  ///   - shape: The dimensions, at least one.
  ///   - elementType: How to store each number; bfloat16 is not known to numpy.
  public init(
    at url: URL, shape: [Int], elementType: ElementType = .float32
  ) throws(TensorFileError) {
    precondition(!shape.isEmpty, "an array that is written by rows has a dimension")
    file = try NumpyFile.begin(shape, elementType, at: url)
    (rows, columns) = TensorShape.matrix(of: shape)
    self.elementType = elementType
  }

  /// Appends some rows.
  ///
  /// - Parameter matrix: `rows × columns`; not more rows than are missing.
  public mutating func append<Element: Scalar>(
    _ matrix: Matrix<Element>
  ) throws(TensorFileError) {
    precondition(
      matrix.columns == columns && count + matrix.rows <= rows && columnCount == 0,
      "\(matrix.rows) × \(matrix.columns) does not fit after \(count) of \(rows) × \(columns)")
    try file.write(matrix, as: elementType)
    count += matrix.rows
  }

  /// Appends some columns of the next row, from its first to its last.
  ///
  /// - Parameter part: `1 × columns`; not more columns than the row is missing.
  package mutating func append<Element: Scalar>(
    partOfRow part: Matrix<Element>
  ) throws(TensorFileError) {
    precondition(
      part.rows == 1 && count < rows && columnCount + part.columns <= columns,
      "\(part.columns) columns do not fit after \(columnCount) of \(columns)")
    try file.write(part, as: elementType)
    columnCount += part.columns
    guard columnCount == columns else { return }
    (count, columnCount) = (count + 1, 0)
  }

  /// Hands over the file, once every row has been appended, to be committed along with others.
  package consuming func finish() -> AtomicFile {
    precondition(count == rows, "\(count) of \(rows) rows were appended")
    return file
  }

  /// Gives the file its name, once every row has been appended.
  public consuming func commit() throws(TensorFileError) {
    try finish().commit()
  }
}
