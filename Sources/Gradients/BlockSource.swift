import LinearAlgebra
import TensorFiles

/// Where the gradients of one block of one shard come from.
enum BlockSource: Sendable {
  case mapped(MappedMatrix)
  /// A two-dimensional `.npy` array whose columns, not rows, are contiguous.
  case columnMajor(NumpyFile, ElementType)
  case single(MatrixView<Float>)
  case double(MatrixView<Double>)

  init<Element: Scalar>(_ matrix: Matrix<Element>) {
    if let single = matrix as? Matrix<Float> {
      self = .single(single.view)
    } else {
      self = .double(Matrix<Double>(converting: matrix).view)
    }
  }

  var elementType: ElementType {
    switch self {
    case .mapped(let matrix): matrix.elementType
    case .columnMajor(_, let type): type
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
    case .columnMajor(let file, _):
      return try file.matrix(as: type, rows: rows).view[columns: columns]
    case .single(let view): return converted(view[rows: rows, columns: columns], as: type)
    case .double(let view): return converted(view[rows: rows, columns: columns], as: type)
    }
  }

  private func converted<From: Scalar, To: Scalar>(
    _ view: MatrixView<From>, as type: To.Type
  ) -> MatrixView<To> {
    (view as? MatrixView<To>) ?? Matrix<To>(converting: view).view
  }
}
