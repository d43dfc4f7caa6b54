import LinearAlgebra
import TensorFiles

/// One block of rows that are kept as factors: a row is Σₖ lₖ·rₖᵀ, outputs × inputs.
struct FactoredMatrix: Sendable {
  /// Rank and sides.
  let factors: BlockFactors
  /// l₁ … l_c of each row.
  let left: FactorVectors
  /// r₁ … r_c of each row.
  let right: FactorVectors

  /// The given rows alone.
  subscript(rows rows: Range<Int>) -> FactoredMatrix {
    FactoredMatrix(factors: factors, left: left[rows: rows], right: right[rows: rows])
  }

  /// The type of products: at least single precision.
  var elementType: ElementType { left.numbers.elementType == .float64 ? .float64 : .float32 }

  /// Bytes of a row as it is stored.
  var bytesPerRow: Int { left.bytesPerRow + right.bytesPerRow }

  /// Multiplies a rectangle out into rows of a matrix of as many columns.
  ///
  /// - Throws: ``GradientStoreError/invalidScale(path:row:block:found:)``.
  /// - Complexity: 2c operations for each number.
  func read<Element: Scalar>(
    rows: Range<Int>, columns: Range<Int>, into matrix: inout Matrix<Element>, firstRow: Int
  ) throws {
    precondition(matrix.columns == columns.count, "rows of \(matrix.columns) for \(columns.count)")
    guard !columns.isEmpty, !rows.isEmpty else { return }
    let lefts: Matrix<Element> = try left.matrix(rows: rows)
    let rights: Matrix<Element> = try right.matrix(rows: rows)
    var target = matrix.elements.mutableSpan
    for row in 0..<rows.count {
      let start = (firstRow + row) * columns.count
      var line = target._mutatingExtracting(start..<start + columns.count)
      expand(
        lefts.elements.span.extracting(row * lefts.columns..<(row + 1) * lefts.columns),
        rights.elements.span.extracting(row * rights.columns..<(row + 1) * rights.columns),
        factors, columns: columns, into: &line)
    }
  }

  /// ‖g‖² = Σⱼₖ (lⱼ·lₖ)·(rⱼ·rₖ) of some rows, in double precision.
  ///
  /// - Complexity: 2c²·(p + q) operations a row.
  func squaredRowNorms(rows: Range<Int>) throws -> [Double] {
    let lefts: Matrix<Double> = try left.matrix(rows: rows)
    let rights: Matrix<Double> = try right.matrix(rows: rows)
    return (0..<rows.count).map { row in
      let one = Self.gram(of: lefts[row: row], factors.rank)
      let other = Self.gram(of: rights[row: row], factors.rank)
      // Terms of products that are nearly each other's opposite may leave rounding below zero.
      return max(0, zip(one, other).reduce(0) { $0 + $1.0 * $1.1 })
    }
  }

  private static func gram(of vectors: ArraySlice<Double>, _ rank: Int) -> [Double] {
    let matrix = Matrix(rows: rank, columns: vectors.count / rank, elements: Array(vectors))
    return Matrix(product: matrix.view, matrix.transposed).elements
  }
}

/// c vectors of each row, one after the other, where they are stored; of int8 with a scale for each vector.
struct FactorVectors: Sendable {
  /// `n × c·w`.
  let numbers: MappedMatrix
  /// The scales of int8, `n × c`.
  let scales: MappedMatrix?
  let rank: Int
  /// The block's name, for errors.
  let block: String
  /// Where the rows start in their shard, for errors.
  var firstRow = 0

  /// The given rows alone.
  subscript(rows rows: Range<Int>) -> FactorVectors {
    FactorVectors(
      numbers: numbers[rows: rows], scales: scales?[rows: rows], rank: rank, block: block,
      firstRow: firstRow + rows.lowerBound)
  }

  var bytesPerRow: Int {
    numbers.columns * numbers.elementType.byteCount
      + (scales == nil ? 0 : rank * ElementType.float32.byteCount)
  }

  /// The vectors of some rows, `rows × c·w`.
  ///
  /// - Throws: ``GradientStoreError/invalidScale(path:row:block:found:)``.
  func matrix<Element: Scalar>(
    rows: Range<Int>, as type: Element.Type = Element.self
  ) throws -> Matrix<Element> {
    guard let scales else { return numbers[rows: rows].matrix() }
    var vectors = Matrix<Element>.zeros(rows.count, numbers.columns)
    let width = numbers.columns / rank
    for index in 0..<rank {
      let part = ScaledMatrix(
        integers: numbers[columns: index * width..<(index + 1) * width],
        scales: scales[columns: index..<index + 1], block: block, firstRow: firstRow)
      guard rank > 1 else {
        try part.read(rows: rows, columns: 0..<width, into: &vectors, firstRow: 0)
        break
      }
      var one = Matrix<Element>.zeros(rows.count, width)
      try part.read(rows: rows, columns: 0..<width, into: &one, firstRow: 0)
      vectors.place(one, firstColumn: index * width)
    }
    return vectors
  }
}

/// Some columns of Σₖ lₖ·rₖᵀ, row by row.
@specialized(where Element == Float)
@specialized(where Element == Double)
private func expand<Element: Scalar>(
  _ left: Span<Element>, _ right: Span<Element>, _ factors: BlockFactors, columns: Range<Int>,
  into line: inout MutableSpan<Element>
) {
  let (q, p) = (factors.outputs, factors.inputs)
  for output in columns.lowerBound / p...(columns.upperBound - 1) / p {
    let wanted = (output * p..<(output + 1) * p).clamped(to: columns)
    let first = wanted.lowerBound - columns.lowerBound
    var target = line._mutatingExtracting(first..<first + wanted.count)
    for index in 0..<factors.rank {
      let factor = left[index * q + output]
      let start = index * p + wanted.lowerBound - output * p
      let source = right.extracting(start..<start + wanted.count)
      if index == 0 {
        for place in source.indices { target[place] = factor * source[place] }
      } else {
        for place in source.indices { target[place] += factor * source[place] }
      }
    }
  }
}
