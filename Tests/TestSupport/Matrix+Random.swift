public import LinearAlgebra

extension Matrix {
  /// A random orthogonal matrix: normal rows, orthonormalised by Gram–Schmidt.
  ///
  /// Each row is orthogonalised twice in `Double`, so QᵀQ = I to a few ulps at any order.
  public static func randomOrthogonal(
    _ order: Int, using generator: inout SeededGenerator
  ) -> Matrix {
    var rows: [[Double]] = []
    while rows.count < order {
      var row = (0..<order).map { _ in generator.normal() }
      for _ in 0..<2 {
        for other in rows {
          let dot = zip(row, other).reduce(0) { $0 + $1.0 * $1.1 }
          for index in row.indices { row[index] -= dot * other[index] }
        }
        let norm = Naive.norm(row)
        for index in row.indices { row[index] /= norm }
      }
      rows.append(row)
    }
    return Matrix(rows: order, columns: order, elements: rows.flatMap { $0.map { Element($0) } })
  }

  /// A symmetric matrix with the given eigenvalues and random eigenvectors: Qᵀ·diag(values)·Q.
  ///
  /// Computed in `Double` and rounded once, so a `Float` matrix has these eigenvalues up to
  /// n · ulp(1) · max|λ|. Exactly symmetric.
  public static func withSpectrum(
    _ values: [Double], using generator: inout SeededGenerator
  ) -> Matrix {
    let order = values.count
    let q = Matrix<Double>.randomOrthogonal(order, using: &generator).elements
    var elements = [Double](repeating: 0, count: order * order)
    for index in 0..<order {
      for row in 0..<order {
        let factor = values[index] * q[index * order + row]
        for column in 0...row {
          elements[row * order + column] += factor * q[index * order + column]
        }
      }
    }
    for row in 0..<order {
      for column in 0..<row { elements[column * order + row] = elements[row * order + column] }
    }
    return Matrix(rows: order, columns: order, elements: elements.map { Element($0) })
  }

  /// Rows that look like per-example gradients: a product of two normal factors of the given rank,
  /// with independent normal noise.
  ///
  /// - Parameters:
  ///   - rows: The number of examples.
  ///   - columns: The number of parameters.
  ///   - rank: The rank of the part that examples share.
  ///   - noise: The standard deviation of the noise, relative to that of the shared part.
  ///   - scale: The standard deviation of an element of the shared part.
  ///   - generator: Where the numbers come from.
  public static func lowRankPlusNoise(
    rows: Int, columns: Int, rank: Int, noise: Double = 0.1, scale: Double = 1,
    using generator: inout SeededGenerator
  ) -> Matrix {
    let left = Matrix<Double>.normal(rows, rank, using: &generator)
    let right = Matrix<Double>.normal(rank, columns, using: &generator)
    let shared = Naive.product(left, right).elements
    let factor = scale / Double(max(rank, 1)).squareRoot()
    let elements = shared.map { Element(factor * $0 + noise * scale * generator.normal()) }
    return Matrix(rows: rows, columns: columns, elements: elements)
  }

  /// A matrix of integers from −8 to 8: products of such matrices are exact in `Float` up to a
  /// depth of 2²⁴ / 64 = 262 144, so that no rounding hides a wrong index.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public static func smallIntegers(
    _ rows: Int, _ columns: Int, using generator: inout SeededGenerator
  ) -> Matrix {
    let elements = (0..<rows * columns).map { _ in Element(generator.index(below: 17) - 8) }
    return Matrix(rows: rows, columns: columns, elements: elements)
  }

  /// The same numbers as a view with a row stride, from the middle of a larger matrix of NaN: a
  /// kernel that reads past an edge of the view poisons its result.
  ///
  /// - Parameters:
  ///   - transposed: Whether the view is the transpose of what lies in memory.
  ///   - margin: How many NaN rows and columns lie on each side.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public func embedded(transposed: Bool = false, margin: Int = 3) -> MatrixView<Element> {
    let (storedRows, storedColumns) = transposed ? (columns, rows) : (rows, columns)
    var larger = Matrix(
      repeating: .nan, rows: storedRows + 2 * margin, columns: storedColumns + 2 * margin)
    for row in 0..<storedRows {
      for column in 0..<storedColumns {
        larger[margin + row, margin + column] = transposed ? self[column, row] : self[row, column]
      }
    }
    let view = larger.view[
      rows: margin..<margin + storedRows, columns: margin..<margin + storedColumns]
    return transposed ? view.transposed : view
  }
}

extension Matrix<Double> {
  /// The numbers rounded to single precision, kept in double.
  public var inSingles: Matrix<Double> {
    Matrix<Double>(converting: Matrix<Float>(converting: self))
  }
}
