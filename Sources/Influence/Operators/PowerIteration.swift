import LinearAlgebra

/// The largest eigenvalue of a positive semidefinite matrix, by repeated multiplication.
///
/// A lower estimate, with the residual that says how far it can be from an eigenvalue.
struct PowerIteration: Sendable {
  /// The Rayleigh quotient of the last vector.
  let eigenvalue: Double
  /// ‖A·u − θ·u‖: an eigenvalue lies within this distance of ``eigenvalue``.
  let residual: Double

  /// - Parameters:
  ///   - matrix: `n × n`, symmetric positive semidefinite.
  ///   - steps: How many products; 20 suffice for a scale.
  init(of matrix: MatrixView<Double>, steps: Int = 20) {
    var generator = SeededGenerator(seed: 20, stream: 0x706F_7765_72)
    var vector = Matrix<Double>.normal(1, matrix.rows, using: &generator)
    var eigenvalue = 0.0
    var residual = 0.0
    for _ in 0..<max(1, steps) {
      let norm = (vector.view.squaredRowNorms().first ?? 0).squareRoot()
      guard norm > 0 else { break }
      vector.scale(by: 1 / norm)
      let image = Matrix(product: vector.view, matrix)
      eigenvalue = vector.view.dotOfRow(0, with: image.view, row: 0)
      let squared = image.view.squaredRowNorms().first ?? 0
      residual = max(0, squared - eigenvalue * eigenvalue).squareRoot()
      vector = image
    }
    self.eigenvalue = eigenvalue
    self.residual = residual
  }
}
