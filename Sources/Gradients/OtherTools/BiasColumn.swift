import LinearAlgebra
import TensorFiles

/// Weight and bias of a linear map as one matrix, q × (p + 1): the bias is the last column, of an input that is always 1.
struct BiasColumn: DerivedRows {
  /// q × p in each row.
  let weight: BlockSource
  /// q in each row.
  let bias: BlockSource
  /// p.
  let inputs: Int

  var elementType: ElementType {
    let type = ElementType.common([weight.elementType, bias.elementType])
    // Each block of int8 has a scale of its own.
    return type == .int8 ? .float32 : type
  }

  func read<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, into matrix: inout Matrix<Element>, firstRow: Int
  ) throws {
    guard !columns.isEmpty else { return }
    let width = inputs + 1
    let outputs = columns.lowerBound / width..<(columns.upperBound - 1) / width + 1
    var weights = Matrix<Element>.zeros(rows.count, outputs.count * inputs)
    try weight.read(
      rows: rows, columns: outputs.lowerBound * inputs..<outputs.upperBound * inputs,
      into: &weights, firstRow: 0)
    var biases = Matrix<Element>.zeros(rows.count, outputs.count)
    try bias.read(rows: rows, columns: outputs, into: &biases, firstRow: 0)
    let start = columns.lowerBound - outputs.lowerBound * width
    var joined: [Element] = []
    for place in 0..<rows.count {
      joined.removeAll(keepingCapacity: true)
      for output in 0..<outputs.count {
        let first = place * weights.columns + output * inputs
        joined += weights.elements[first..<first + inputs]
        joined.append(biases[place, output])
      }
      let row = Matrix(rows: 1, columns: joined.count, elements: joined)
      matrix.place(
        row.view[columns: start..<start + columns.count], firstRow: firstRow + place,
        firstColumn: 0)
    }
  }
}
