public import LinearAlgebra

/// Textbook versions of the engine's operations, to test the fast ones against.
///
/// All in `Double`, in plain loops over plain arrays: nothing here calls a kernel of the library.
public enum Naive {
  /// The numbers of a matrix in `Double`.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public static func double<Element>(_ matrix: Matrix<Element>) -> Matrix<Double> {
    Matrix(
      rows: matrix.rows, columns: matrix.columns, elements: matrix.elements.map { Double($0) })
  }

  /// The numbers of a view in `Double`, read one by one.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public static func double<Element>(_ view: MatrixView<Element>) -> Matrix<Double> {
    var elements: [Double] = []
    for row in 0..<view.rows {
      for column in 0..<view.columns { elements.append(Double(view[row, column])) }
    }
    return Matrix(rows: view.rows, columns: view.columns, elements: elements)
  }

  /// Rows as columns.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public static func transpose<Element>(_ a: Matrix<Element>) -> Matrix<Element> {
    var elements: [Element] = []
    for column in 0..<a.columns {
      for row in 0..<a.rows { elements.append(a[row, column]) }
    }
    return Matrix(rows: a.columns, columns: a.rows, elements: elements)
  }

  /// The product of `m × k` and `k × n`, by three loops.
  @specialized(where A == Float, B == Float)
  @specialized(where A == Float, B == Double)
  @specialized(where A == Double, B == Float)
  @specialized(where A == Double, B == Double)
  public static func product<A, B>(_ a: Matrix<A>, _ b: Matrix<B>) -> Matrix<Double> {
    precondition(a.columns == b.rows, "\(a.columns) columns times \(b.rows) rows")
    let (rows, depth, columns) = (a.rows, a.columns, b.columns)
    let left = a.elements.map { Double($0) }
    let right = b.elements.map { Double($0) }
    var result = [Double](repeating: 0, count: rows * columns)
    for row in 0..<rows {
      for index in 0..<depth {
        let factor = left[row * depth + index]
        for column in 0..<columns {
          result[row * columns + column] += factor * right[index * columns + column]
        }
      }
    }
    return Matrix(rows: rows, columns: columns, elements: result)
  }

  /// The sum of two matrices, the second times a factor.
  @specialized(where A == Float, B == Float)
  @specialized(where A == Float, B == Double)
  @specialized(where A == Double, B == Float)
  @specialized(where A == Double, B == Double)
  public static func sum<A, B>(
    _ a: Matrix<A>, _ b: Matrix<B>, scale: Double = 1
  ) -> Matrix<Double> {
    precondition(a.rows == b.rows && a.columns == b.columns, "shapes differ")
    return Matrix(
      rows: a.rows, columns: a.columns,
      elements: zip(a.elements, b.elements).map { Double($0) + scale * Double($1) })
  }

  /// The elements' magnitudes.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public static func magnitudes<Element>(_ a: Matrix<Element>) -> Matrix<Double> {
    Matrix(rows: a.rows, columns: a.columns, elements: a.elements.map { Double($0).magnitude })
  }

  /// The largest magnitude of an element.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public static func largest<Element>(_ a: Matrix<Element>) -> Double {
    a.elements.reduce(0) { max($0, Double($1).magnitude) }
  }

  /// The Euclidean norm of a vector in two passes: the largest magnitude, then the sum of squares
  /// relative to it, which can neither overflow nor underflow.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public static func norm<Element: BinaryFloatingPoint>(_ vector: [Element]) -> Double {
    let largest = vector.reduce(0) { max($0, Double($1).magnitude) }
    guard largest > 0, largest.isFinite else { return largest }
    let sum = vector.reduce(0.0) { sum, value in
      let ratio = Double(value) / largest
      return sum + ratio * ratio
    }
    return largest * sum.squareRoot()
  }

  /// The Euclidean norm of each row; see ``norm(_:)``.
  public static func rowNorms<Element>(_ a: Matrix<Element>) -> [Double] {
    (0..<a.rows).map { norm(Array(a[row: $0])) }
  }

  /// The lower triangle L of A = L·Lᵀ, zeros above it; nil where a pivot is not positive.
  public static func cholesky<Element>(_ matrix: Matrix<Element>) -> Matrix<Double>? {
    let order = matrix.rows
    let a = double(matrix)
    var l = Matrix<Double>.zeros(order, order)
    for row in 0..<order {
      for column in 0...row {
        var sum = a[row, column]
        for index in 0..<column { sum -= l[row, index] * l[column, index] }
        if row == column {
          guard sum > 0 else { return nil }
          l[row, row] = sum.squareRoot()
        } else {
          l[row, column] = sum / l[column, column]
        }
      }
    }
    return l
  }

  /// X of A·X = B, by Gaussian elimination with partial pivoting; nil where A is singular.
  ///
  /// - Parameters:
  ///   - matrix: `n × n`.
  ///   - rightSides: `n × m`, one right-hand side a column.
  public static func solve<A, B>(_ matrix: Matrix<A>, _ rightSides: Matrix<B>) -> Matrix<Double>? {
    let order = matrix.rows
    precondition(matrix.isSquare && rightSides.rows == order, "shapes do not fit")
    var a = double(matrix)
    var x = double(rightSides)
    for step in 0..<order {
      var pivot = step
      for row in step..<order where a[row, step].magnitude > a[pivot, step].magnitude {
        pivot = row
      }
      guard a[pivot, step] != 0 else { return nil }
      if pivot != step {
        for column in 0..<order {
          (a[step, column], a[pivot, column]) = (a[pivot, column], a[step, column])
        }
        for column in 0..<x.columns {
          (x[step, column], x[pivot, column]) = (x[pivot, column], x[step, column])
        }
      }
      for row in step + 1..<max(order, step + 1) {
        let factor = a[row, step] / a[step, step]
        for column in step..<order { a[row, column] -= factor * a[step, column] }
        for column in 0..<x.columns { x[row, column] -= factor * x[step, column] }
      }
    }
    for step in (0..<order).reversed() {
      for column in 0..<x.columns {
        var sum = x[step, column]
        for index in step + 1..<max(order, step + 1) { sum -= a[step, index] * x[index, column] }
        x[step, column] = sum / a[step, step]
      }
    }
    return x
  }

  /// A⁻¹ by Gaussian elimination; nil where A is singular.
  public static func inverse<Element>(_ matrix: Matrix<Element>) -> Matrix<Double>? {
    solve(matrix, Matrix<Double>.identity(matrix.rows))
  }

  /// The eigenvalues of a symmetric matrix, ascending, and its orthonormal eigenvectors as rows, by
  /// cyclic Jacobi rotations.
  ///
  /// For small orders: each sweep takes about 9n³ operations.
  public static func eigendecomposition<Element>(
    _ matrix: Matrix<Element>
  ) -> (values: [Double], vectors: Matrix<Double>) {
    precondition(matrix.isSquare, "eigenvalues of a \(matrix.rows) × \(matrix.columns) matrix")
    let order = matrix.rows
    var a = double(matrix)
    var vectors = Matrix<Double>.identity(order)
    let negligible = Double.ulpOfOne * norm(a.elements)
    for _ in 0..<100 {
      var isDiagonal = true
      for p in 0..<order {
        for q in p + 1..<max(order, p + 1) where a[p, q].magnitude > negligible / Double(order) {
          isDiagonal = false
          rotate(&a, &vectors, p, q)
        }
      }
      if isDiagonal { break }
    }
    let ranking = (0..<order).sorted { a[$0, $0] < a[$1, $1] }
    var sorted = Matrix<Double>.zeros(order, order)
    for (place, index) in ranking.enumerated() { sorted[row: place] = vectors[row: index] }
    return (ranking.map { a[$0, $0] }, sorted)
  }

  /// One Jacobi rotation, which makes element (p, q) zero (Golub and Van Loan, section 8.5).
  private static func rotate(
    _ a: inout Matrix<Double>, _ vectors: inout Matrix<Double>, _ p: Int, _ q: Int
  ) {
    let theta = (a[q, q] - a[p, p]) / (2 * a[p, q])
    let tangent = (theta < 0 ? -1 : 1) / (theta.magnitude + (1 + theta * theta).squareRoot())
    let cosine = 1 / (1 + tangent * tangent).squareRoot()
    let sine = tangent * cosine
    for index in 0..<a.rows {
      let (x, y) = (a[index, p], a[index, q])
      a[index, p] = cosine * x - sine * y
      a[index, q] = sine * x + cosine * y
    }
    for index in 0..<a.rows {
      let (x, y) = (a[p, index], a[q, index])
      a[p, index] = cosine * x - sine * y
      a[q, index] = sine * x + cosine * y
    }
    for index in 0..<a.rows {
      let (x, y) = (vectors[p, index], vectors[q, index])
      vectors[p, index] = cosine * x - sine * y
      vectors[q, index] = sine * x + cosine * y
    }
  }

  /// f(A) = Σⱼ f(λⱼ)·uⱼ·uⱼᵀ of a small symmetric matrix; see ``eigendecomposition(_:)``.
  public static func function<Element>(
    of matrix: Matrix<Element>, _ f: (Double) -> Double
  ) -> Matrix<Double> {
    let (values, vectors) = eigendecomposition(matrix)
    var scaled = vectors
    for (row, value) in values.enumerated() {
      let factor = f(value)
      for column in 0..<vectors.columns { scaled[row, column] *= factor }
    }
    return product(transpose(vectors), scaled)
  }
}
