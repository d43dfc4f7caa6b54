import LinearAlgebra

/// Solves with K + nλI or F + λI by its Cholesky factor, in double precision or in single.
///
/// Where products are in single precision, K and F carry their rounding, which a solution multiplies by the condition
/// number. A factor in single precision adds errors of the same kind: on spectra like those of real gradients it makes
/// them two to four times as large, in half the factor's time and memory (docs/methods.md has the figures). Certificates measure
/// the result either way.
enum DampedSolver: Sendable {
  /// The factor of the matrix.
  case double(Cholesky<Double>)
  /// The factor of c times the matrix, whose diagonal is at most 1, and c.
  case single(Cholesky<Float>, scale: Double)

  /// The largest tr(F)/λ, a bound on the condition number, at which a factor is in single precision.
  static let largestCondition = 0x1p18
  /// Factors of a smaller order take too small a part of the time.
  static let smallestOrder = 1024

  /// T times the inverse for rows T, `m × order`.
  func solution(of rows: Matrix<Double>) -> Matrix<Double> {
    switch self {
    case .double(let factor): factor.solution(rows: rows)
    case .single(let factor, let scale): Self.solution(of: rows, by: factor, scale)
    }
  }

  /// C times the inverse.
  func solution(of cross: CrossProducts) -> Matrix<Double> {
    switch self {
    case .double(let factor): factor.solution(rows: cross.matrix())
    case .single(let factor, let scale):
      Self.solution(of: cross.matrix(as: Float.self), by: factor, scale)
    }
  }

  /// V times the inverse, in the precision of V.
  func solution<Element: Scalar>(ofQueries rows: MatrixView<Element>) -> Matrix<Element> {
    switch self {
    case .double(let factor):
      Matrix<Element>(converting: factor.solution(rows: Matrix<Double>(converting: rows)))
    case .single(let factor, let scale):
      Self.solution(of: Matrix<Element>(rows), by: factor, scale)
    }
  }

  private static func solution<Element: Scalar, Result: Scalar>(
    of rows: Matrix<Element>, by factor: Cholesky<Float>, _ scale: Double
  ) -> Matrix<Result> {
    // Each row is brought near 1 by a power of two, so that nothing leaves the range of single precision on the way.
    let sizes = rows.view.squaredRowNorms().map { square in
      square.isNormal ? max(0x1p-120, square.squareRoot().binade) : 1
    }
    var scaled = rows
    scaled.scaleRows(by: sizes.map { Element(1 / $0) })
    var single = Matrix<Float>(converting: scaled)
    factor.solve(rows: &single)
    var solution = Matrix<Result>(converting: single)
    solution.scaleRows(by: sizes.map { Result(scale * $0) })
    return solution
  }
}
