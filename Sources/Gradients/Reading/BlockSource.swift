import LinearAlgebra
import TensorFiles

/// Where the gradients of one block of one shard come from.
enum BlockSource: Sendable {
  case mapped(MappedMatrix)
  /// 8-bit integers with a scale for each row.
  case scaled(ScaledMatrix)
  /// Rows that are kept as factors of low rank.
  case factored(FactoredMatrix)
  /// A `.npy` array that can only be read as a copy, from some row on: in Fortran order, or big-endian.
  case rearranged(NumpyFile, ElementType, firstRow: Int)
  /// Rows that are sums of others: of tokens, one row per example.
  case summed(SummedRows)
  /// Rows that another format's reader makes of what is stored, from some row on.
  case derived(any DerivedRows, firstRow: Int)
  case single(MatrixView<Float>)
  case double(MatrixView<Double>)
  /// Several blocks, columns one after the other.
  case joined(JoinedBlocks)

  init<Element: Scalar>(_ matrix: Matrix<Element>) {
    if let single = matrix as? Matrix<Float> {
      self = .single(single.view)
    } else {
      self = .double(Matrix<Double>(converting: matrix).view)
    }
  }

  /// Where the numbers lie in files, row after row; none in memory, or column after column.
  var storedMatrices: [MappedMatrix] {
    switch self {
    case .mapped(let matrix): [matrix]
    // The scales are few, and would part the blocks' integers, which lie side by side.
    case .scaled(let matrix): [matrix.integers]
    case .factored(let matrix): [matrix.left.numbers, matrix.right.numbers]
    case .rearranged, .summed, .derived, .single, .double: []
    case .joined(let blocks):
      blocks.members.contains { $0.source.storedMatrices.isEmpty }
        ? [] : blocks.members.flatMap(\.source.storedMatrices)
    }
  }

  /// Bytes of a row as it is stored, of a block of so many columns.
  func bytesPerRow(width: Int) -> Int {
    switch self {
    case .joined(let blocks):
      blocks.members.reduce(0) { $0 + $1.source.bytesPerRow(width: $1.width) }
    case .factored(let matrix): matrix.bytesPerRow
    default: elementType.byteCount(ofBlockOfWidth: width)
    }
  }

  var elementType: ElementType {
    switch self {
    case .mapped(let matrix): matrix.elementType
    case .scaled: .int8
    case .factored(let matrix): matrix.elementType
    case .rearranged(_, let type, _): type
    case .summed(let rows): rows.elementType
    case .derived(let rows, _): rows.elementType
    case .single: .float32
    case .double: .float64
    case .joined(let blocks): blocks.elementType
    }
  }

  func isDirectlyReadable<Element: Scalar>(as type: Element.Type) -> Bool {
    switch self {
    case .mapped(let matrix):
      matrix.elementType == (Element.self == Float.self ? .float32 : .float64)
        && matrix.byteOffset.isMultiple(of: MemoryLayout<Element>.alignment)
    case .scaled, .factored, .rearranged, .summed, .derived, .joined: false
    case .single: Element.self == Float.self
    case .double: Element.self == Double.self
    }
  }

  /// A rectangle of the block: in place where possible, converted into a buffer otherwise.
  ///
  /// A buffer of the right shape whose last view is gone is written over: fresh memory would cost
  /// more than the conversion.
  func read<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, reusing buffer: inout Matrix<Element>
  ) throws -> MatrixView<Element> {
    if isDirectlyReadable(as: Element.self) {
      switch self {
      case .mapped(let matrix): return try matrix[rows: rows][columns: columns].view()
      case .single(let view as MatrixView<Element>): return view[rows: rows, columns: columns]
      case .double(let view as MatrixView<Element>): return view[rows: rows, columns: columns]
      default: break
      }
    }
    if buffer.rows != rows.count || buffer.columns != columns.count {
      buffer = .zeros(rows.count, columns.count)
    }
    try read(rows: rows, columns: columns, into: &buffer, firstRow: 0)
    return buffer.view
  }

  /// Copies a rectangle of the block, converted, into rows of a matrix of as many columns.
  func read<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, into matrix: inout Matrix<Element>, firstRow: Int
  ) throws {
    switch self {
    case .mapped(let stored):
      stored[rows: rows][columns: columns].read(into: &matrix, firstRow: firstRow)
    case .scaled(let stored):
      try stored.read(rows: rows, columns: columns, into: &matrix, firstRow: firstRow)
    case .factored(let stored):
      try stored.read(rows: rows, columns: columns, into: &matrix, firstRow: firstRow)
    case .rearranged(let file, _, let start):
      let stored = start + rows.lowerBound..<start + rows.upperBound
      let copy: Matrix<Element> = try file.matrix(rows: stored)
      matrix.place(copy.view[columns: columns], firstRow: firstRow, firstColumn: 0)
    case .summed(let sums):
      matrix.place(
        try sums.matrix(rows: rows, columns: columns, as: Element.self).view, firstRow: firstRow,
        firstColumn: 0)
    case .derived(let source, let start):
      try source.read(
        rows: start + rows.lowerBound..<start + rows.upperBound, columns: columns, into: &matrix,
        firstRow: firstRow)
    case .single(let view):
      let copy = Matrix<Element>(converting: view[rows: rows, columns: columns])
      matrix.place(copy.view, firstRow: firstRow, firstColumn: 0)
    case .double(let view):
      let copy = Matrix<Element>(converting: view[rows: rows, columns: columns])
      matrix.place(copy.view, firstRow: firstRow, firstColumn: 0)
    case .joined(let blocks):
      try blocks.read(rows: rows, columns: columns, into: &matrix, firstRow: firstRow)
    }
  }

  /// The given rows alone.
  subscript(rows rows: Range<Int>) -> BlockSource {
    switch self {
    case .mapped(let matrix): .mapped(matrix[rows: rows])
    case .scaled(let matrix): .scaled(matrix[rows: rows])
    case .factored(let matrix): .factored(matrix[rows: rows])
    case .rearranged(let file, let type, let firstRow):
      .rearranged(file, type, firstRow: firstRow + rows.lowerBound)
    case .summed(let sums): .summed(sums[rows: rows])
    case .derived(let source, let firstRow):
      .derived(source, firstRow: firstRow + rows.lowerBound)
    case .single(let view): .single(view[rows: rows])
    case .double(let view): .double(view[rows: rows])
    case .joined(let blocks): .joined(blocks[rows: rows])
    }
  }
}
