import LinearAlgebra

/// What is known of the scores of one query, or of self-influence, that were made some examples at a time.
struct ScoreParts: Sendable {
  /// Takes some of the scores, `1 × examples`, of which the first is that of the given example.
  typealias Handler = (_ firstExample: Int, _ scores: Matrix<Double>) throws -> Void

  /// The largest magnitude.
  var largest = 0.0
  var convergence: [BlockConvergence] = []
  var warnings: [String] = []
  var seconds = 0.0
}
