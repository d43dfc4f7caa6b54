public import LinearAlgebra

/// Ridge regression, whose leave-one-out is a formula.
///
///     ½·‖y − Xθ‖² + (α/2)·‖θ‖²        H = XᵀX + αI
///     θ₋ᵢ − θ = −H⁻¹·xᵢ·rᵢ/(1 − hᵢ),   hᵢ = xᵢᵀ·H⁻¹·xᵢ,   rᵢ = yᵢ − xᵢᵀθ
///
/// The loss is a sum over examples. First-order influence lacks the factor 1/(1 − hᵢ) of the leverage.
public struct RidgeRegression: Sendable {
  /// θ, d numbers.
  public let parameters: [Double]
  /// X, `n × d`.
  public let features: Matrix<Double>
  /// r, n numbers.
  public let residuals: [Double]
  /// h, n numbers in 0 ..< 1.
  public let leverages: [Double]
  private let factor: Cholesky<Double>

  /// Solves for the parameters.
  ///
  /// - Parameters:
  ///   - features: X, `n × d`.
  ///   - targets: y, n numbers.
  ///   - penalty: α; positive unless X has full column rank.
  /// - Throws: `FactorizationError.notPositiveDefinite(leadingMinor:order:)` where H is singular, or, without a
  ///   penalty, `FactorizationError.rankDeficient(rank:order:condition:)` where columns depend on each other.
  /// - Complexity: nd² + d³/3 + 2nd² operations.
  public init(features: Matrix<Double>, targets: [Double], penalty: Double) throws {
    precondition(
      targets.count == features.rows, "\(targets.count) targets for \(features.rows) rows")
    var sum = SymmetricAccumulator(order: features.columns)
    sum.add(gramOf: features.transposed)
    var hessian = sum.matrix()
    if penalty == 0 {
      // Columns of length one: a column's unit says nothing about whether others make it up.
      let scales = hessian.diagonal.map { $0 > 0 ? 1 / $0.squareRoot() : 1 }
      var correlations = hessian
      correlations.scaleRows(by: scales)
      correlations.scaleColumns(by: scales)
      try SymmetricEigendecomposition(decomposing: correlations).requireFullRank()
    }
    hessian.addToDiagonal(penalty)
    factor = try Cholesky(factoring: hessian)
    let row = Matrix(rows: 1, columns: targets.count, elements: targets)
    let solution = factor.solution(rows: Matrix(product: row.view, features.view))
    parameters = solution.elements
    self.features = features
    let fitted = Matrix(product: solution.view, features.transposed).elements
    residuals = zip(targets, fitted).map { $0 - $1 }
    leverages = factor.solution(rows: features).view.rowDots(with: features.view)
  }

  /// Each example's gradient of ½r²: −rᵢ·xᵢ, `n × d`.
  public var gradients: Matrix<Double> {
    var rows = features
    rows.scaleRows(by: residuals.map { -$0 })
    return rows
  }

  /// H⁻¹ applied to rows, `m × d`.
  public func solution(rows: Matrix<Double>) -> Matrix<Double> { factor.solution(rows: rows) }

  /// θ₋ᵢ − θ, d numbers: what leaving one example out does, exactly.
  public func changeLeavingOut(_ row: Int) -> [Double] {
    let example = Matrix(rows: 1, columns: features.columns, elements: Array(features[row: row]))
    let scale = -residuals[row] / (1 - leverages[row])
    return factor.solution(rows: example).elements.map { scale * $0 }
  }
}
