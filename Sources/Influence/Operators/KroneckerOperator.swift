import Gradients
import LinearAlgebra

/// M = (Q·diag(Λ)·Qᵀ + λI)⁻¹ of a block that is a q × p matrix, with Q = Q_s ⊗ Q_a.
///
///     x = Q_sᵀ·[(Q_s·v·Q_aᵀ) ⊘ (Λ + λ)]·Q_a        eigenvectors as rows
///
/// A d × d matrix is never made.
///
/// - Cost: 4pq(p + q) operations per query.
struct KroneckerOperator: QuerySideOperator {
  /// Q_a and Q_s, `p × p` and `q × q`.
  let basis: KroneckerBasis
  /// 1/(Λ + λ), `q × p`, in row-major order.
  private let inverse: [Double]
  /// What the user should know of Λ.
  private let warnings: [String]

  /// - Parameters:
  ///   - basis: The eigenvectors of both factors.
  ///   - eigenvalues: Λ, `q × p`; none may be negative.
  ///   - context: The block, for λ.
  ///   - method: The method's name, for errors.
  ///   - warnings: What the user should know of Λ.
  /// - Throws: ``InfluenceError/singular(block:method:reason:)``.
  init(
    basis: KroneckerBasis, eigenvalues: Matrix<Double>, context: BlockContext, method: String,
    warnings: [String] = []
  ) throws(InfluenceError) {
    Swift.precondition(
      eigenvalues.rows == basis.outputs.rows && eigenvalues.columns == basis.activations.rows,
      "one eigenvalue per pair of eigenvectors")
    let damped = eigenvalues.elements.map { $0 + context.lambda }
    let floor = (damped.max() ?? 0) * Double.ulpOfOne
    guard let least = damped.min(), least > floor else {
      throw .singular(
        block: context.name, method: method,
        reason: "an eigenvalue of its curvature is \(damped.min() ?? 0)")
    }
    self.basis = basis
    self.warnings = warnings
    inverse = damped.map { 1 / $0 }
  }

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) throws -> Preconditioned<Element> {
    let elementwise = inverse.map { Element($0) }
    var rotated = basis.coordinates(of: queries)
    rotated.scaleColumns(by: elementwise)
    return Preconditioned(rows: basis.gradients(of: rotated.view), warnings: warnings)
  }
}

/// The eigenvectors of two Kronecker factors, as rows.
struct KroneckerBasis: Sendable {
  /// Q_a, `p × p`.
  let activations: Matrix<Double>
  /// Q_s, `q × q`.
  let outputs: Matrix<Double>

  /// Q_s·g·Q_aᵀ of each row g, a `q × p` matrix in row-major order.
  ///
  /// - Complexity: 2pq(p + q) operations per row.
  func coordinates<Element: Scalar>(of rows: MatrixView<Element>) -> Matrix<Element> {
    turn(
      rows, left: Matrix<Element>(converting: outputs).view,
      right: Matrix<Element>(converting: activations).transposed
    ).piecesAsRows(columnsEach: activations.rows)
  }

  /// Q_sᵀ·y·Q_a of each row y: back from coordinates to gradients.
  func gradients<Element: Scalar>(of rows: MatrixView<Element>) -> Matrix<Element> {
    turn(
      rows, left: Matrix<Element>(converting: outputs).transposed,
      right: Matrix<Element>(converting: activations).view
    ).piecesAsRows(columnsEach: activations.rows)
  }

  /// left·g·right of each of m rows g, one beside the other: `q × mp`.
  private func turn<Element: Scalar>(
    _ rows: MatrixView<Element>, left: MatrixView<Element>, right: MatrixView<Element>
  ) -> Matrix<Element> {
    let (q, p) = (outputs.rows, activations.rows)
    precondition(rows.columns == q * p, "rows of \(rows.columns) columns in a \(q) × \(p) block")
    // All rows one above the other are one matrix of mq × p.
    let stacked = Matrix(rows: rows.rows * q, columns: p, elements: Matrix(rows).elements)
    let turned = Matrix(product: stacked.view, right)
    return Matrix(product: left, turned.sideBySide(rowsEach: q).view)
  }

  /// Λ = (1/n) Σᵢ (Q_s·gᵢ·Q_aᵀ)², element by element: the diagonal that is nearest to F in this basis.
  ///
  /// - Returns: `q × p`.
  /// - Complexity: 2npq(p + q) operations, one pass.
  func secondMoments<Element: Scalar>(_ pass: GradientPass<Element>) throws -> Matrix<Double> {
    let (q, p) = (outputs.rows, activations.rows)
    let left = Matrix<Element>(converting: outputs)
    let right = Matrix<Element>(converting: activations)
    var sums = Matrix<Double>.zeros(q, p)
    // Three copies of a chunk in the precision of products.
    let rows = max(16, min(256, (8 << 20) / max(1, p * q)))
    try pass.forEachChunk(of: rows, rowOperations: 2 * Double(p * q * (p + q))) { _, gradients in
      sums.addSquares(ofPieces: turn(gradients, left: left.view, right: right.transposed))
    }
    try pass.reduction.sum(&sums)
    sums.scale(by: 1 / Double(pass.store.count))
    return sums
  }
}
