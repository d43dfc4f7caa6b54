import LinearAlgebra
import TensorFiles

/// Rows of one block that are made of what another tool stored, some at a time, when they are asked for.
protocol DerivedRows: Sendable {
  /// A type that holds every number of the rows.
  var elementType: ElementType { get }

  /// Writes a rectangle of the block into rows of a matrix of as many columns.
  func read<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, into matrix: inout Matrix<Element>, firstRow: Int
  ) throws
}

extension ElementType {
  /// The narrowest type that holds the numbers of all of some types.
  static func common(_ types: some Sequence<ElementType>) -> ElementType {
    let types = Set(types)
    if let only = types.first, types.count == 1 { return only }
    return types.contains(.float64) ? .float64 : .float32
  }
}
