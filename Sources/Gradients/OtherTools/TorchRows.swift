import LinearAlgebra
import TensorFiles

/// Rows of a tensor that do not lie one after the other in its file.
struct GatheredRows: DerivedRows {
  let tensor: TorchTensor
  let elementType: ElementType

  func read<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, into matrix: inout Matrix<Element>, firstRow: Int
  ) throws {
    try tensor.read(rows: rows, columns: columns, into: &matrix, firstRow: firstRow)
  }
}

/// Rows of which each is a tensor of its own: the gradient of one example.
struct TensorRows: DerivedRows {
  let tensors: [TorchTensor]
  let elementType: ElementType

  func read<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, into matrix: inout Matrix<Element>, firstRow: Int
  ) throws {
    for (place, row) in rows.enumerated() {
      try tensors[row].asRow.read(
        rows: 0..<1, columns: columns, into: &matrix, firstRow: firstRow + place)
    }
  }
}
