import LinearAlgebra

/// What is known of the scores of one query, or of self-influence, that were made some examples at a time.
struct ScoreParts: Sendable {
  /// Takes some of the scores, `1 × examples`, of which the first is that of the given example.
  typealias Handler = (_ firstExample: Int, _ scores: Matrix<Double>) throws -> Void

  /// What is certain of a query's scores.
  struct Certified: Sendable {
    /// ‖(F + λI)x − v‖/‖v‖ over all blocks together.
    let residual: Double
    /// The most that any score can differ from the exact one.
    let bound: Double
    /// Whether the residual was measured by passes in double precision.
    let isMeasured: Bool
  }

  /// The largest magnitude.
  var largest = 0.0
  var convergence: [BlockConvergence] = []
  var warnings: [String] = []
  var seconds = 0.0
  /// Nil for what has no certificate.
  var certified: Certified?
}
