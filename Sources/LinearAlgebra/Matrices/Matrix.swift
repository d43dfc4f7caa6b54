/// A dense, row-major matrix that owns its elements: one row after the other, no padding.
///
/// A value with copy-on-write storage. Row-major because a row is an example: one example's gradient
/// is contiguous in memory and on disk, as numpy lays it out.
public struct Matrix<Element: Scalar>: Sendable, Equatable {
  /// The number of rows.
  public let rows: Int
  /// The number of columns.
  public let columns: Int
  /// The elements, row by row: element (i, j) is `elements[i · columns + j]`.
  public package(set) var elements: [Element]

  /// Makes a matrix from its elements, row by row.
  ///
  /// - Parameters:
  ///   - rows: The number of rows.
  ///   - columns: The number of columns.
  ///   - elements: `rows · columns` elements.
  public init(rows: Int, columns: Int, elements: [Element]) {
    precondition(
      rows >= 0 && columns >= 0 && elements.count == rows * columns,
      "\(elements.count) elements do not make a \(rows) × \(columns) matrix")
    self.rows = rows
    self.columns = columns
    self.elements = elements
  }

  /// Makes a matrix whose elements all have the same value.
  @specialized(where Element == Double)
  @specialized(where Element == Float)
  public init(repeating value: Element, rows: Int, columns: Int) {
    self.init(
      rows: rows, columns: columns, elements: Array(repeating: value, count: rows * columns))
  }

  /// Makes a matrix of zeros.
  public static func zeros(_ rows: Int, _ columns: Int) -> Matrix {
    Matrix(repeating: 0, rows: rows, columns: columns)
  }

  /// Makes an `n × n` identity matrix.
  public static func identity(_ order: Int) -> Matrix {
    var matrix = zeros(order, order)
    for index in 0..<order { matrix[index, index] = 1 }
    return matrix
  }

  /// Whether there are as many rows as columns.
  public var isSquare: Bool { rows == columns }

  /// A read-only look at the whole matrix, without a copy.
  public var view: MatrixView<Element> {
    MatrixView(
      storage: .array(elements), offset: 0, rows: rows, columns: columns,
      rowStride: max(columns, 1), isTransposed: false)
  }

  /// The transpose as a view, without a copy.
  public var transposed: MatrixView<Element> { view.transposed }

  /// The element in the given row and column.
  public subscript(row: Int, column: Int) -> Element {
    get {
      precondition(
        row >= 0 && row < rows && column >= 0 && column < columns,
        "element (\(row), \(column)) of a \(rows) × \(columns) matrix")
      return elements[row * columns + column]
    }
    set {
      precondition(
        row >= 0 && row < rows && column >= 0 && column < columns,
        "element (\(row), \(column)) of a \(rows) × \(columns) matrix")
      elements[row * columns + column] = newValue
    }
  }

  /// One row, as a slice of the elements.
  public subscript(row row: Int) -> ArraySlice<Element> {
    get { elements[row * columns..<(row + 1) * columns] }
    set {
      precondition(newValue.count == columns, "a row has \(columns) elements")
      elements.replaceSubrange(row * columns..<(row + 1) * columns, with: newValue)
    }
  }

  /// The elements on the diagonal.
  public var diagonal: [Element] { (0..<min(rows, columns)).map { self[$0, $0] } }
}
