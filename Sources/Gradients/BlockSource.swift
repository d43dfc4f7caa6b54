import LinearAlgebra
import TensorFiles

/// Where the gradients of one block of one shard come from.
enum BlockSource: Sendable {
  case mapped(MappedMatrix)
  /// A two-dimensional `.npy` array whose columns, not rows, are contiguous, from some row on.
  case columnMajor(NumpyFile, ElementType, firstRow: Int)
  case single(MatrixView<Float>)
  case double(MatrixView<Double>)

  init<Element: Scalar>(_ matrix: Matrix<Element>) {
    if let single = matrix as? Matrix<Float> {
      self = .single(single.view)
    } else {
      self = .double(Matrix<Double>(converting: matrix).view)
    }
  }

  /// Where the numbers lie in files, row after row; none in memory, or column after column.
  var storedMatrices: [MappedMatrix] {
    if case .mapped(let matrix) = self { [matrix] } else { [] }
  }

  var elementType: ElementType {
    switch self {
    case .mapped(let matrix): matrix.elementType
    case .columnMajor(_, let type, _): type
    case .single: .float32
    case .double: .float64
    }
  }

  func isDirectlyReadable<Element: Scalar>(as type: Element.Type) -> Bool {
    switch self {
    case .mapped(let matrix):
      matrix.elementType == (Element.self == Float.self ? .float32 : .float64)
        && matrix.byteOffset.isMultiple(of: MemoryLayout<Element>.alignment)
    case .columnMajor: false
    case .single: Element.self == Float.self
    case .double: Element.self == Double.self
    }
  }

  /// A rectangle of the block: in place where possible, converted otherwise.
  func read<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, as type: Element.Type
  ) throws -> MatrixView<Element> {
    switch self {
    case .mapped(let matrix):
      let part = matrix[rows: rows][columns: columns]
      return isDirectlyReadable(as: type) ? try part.view(as: type) : part.matrix(as: type).view
    case .columnMajor(let file, _, let firstRow):
      let stored = firstRow + rows.lowerBound..<firstRow + rows.upperBound
      return try file.matrix(as: type, rows: stored).view[columns: columns]
    case .single(let view): return converted(view[rows: rows, columns: columns], as: type)
    case .double(let view): return converted(view[rows: rows, columns: columns], as: type)
    }
  }

  /// A rectangle of the block: in place where possible, converted into a buffer otherwise.
  ///
  /// A buffer of the right shape whose last view is gone is written over: fresh memory would cost
  /// more than the conversion.
  func read<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, reusing buffer: inout Matrix<Element>
  ) throws -> MatrixView<Element> {
    guard case .mapped(let matrix) = self, !isDirectlyReadable(as: Element.self) else {
      return try read(rows: rows, columns: columns, as: Element.self)
    }
    if buffer.rows != rows.count || buffer.columns != columns.count {
      buffer = .zeros(rows.count, columns.count)
    }
    matrix[rows: rows][columns: columns].read(into: &buffer.elements)
    return buffer.view
  }

  /// The given rows alone.
  subscript(rows rows: Range<Int>) -> BlockSource {
    switch self {
    case .mapped(let matrix): .mapped(matrix[rows: rows])
    case .columnMajor(let file, let type, let firstRow):
      .columnMajor(file, type, firstRow: firstRow + rows.lowerBound)
    case .single(let view): .single(view[rows: rows])
    case .double(let view): .double(view[rows: rows])
    }
  }

  private func converted<From: Scalar, To: Scalar>(
    _ view: MatrixView<From>, as type: To.Type
  ) -> MatrixView<To> {
    (view as? MatrixView<To>) ?? Matrix<To>(converting: view).view
  }
}
