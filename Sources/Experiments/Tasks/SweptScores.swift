internal import InfluenceKit

/// The scores of one method at every λ of a grid, or once where λ plays no part.
struct SweptScores: Sendable {
  /// The scores at one λ.
  struct Place: Sendable {
    /// λ as a share of each block's mean eigenvalue; nil where the method has none.
    let damping: Double?
    /// Helpful-positive, `m × n`.
    let scores: Matrix<Double>
  }

  let method: String
  /// In the order of the grid; at least one.
  let places: [Place]
  /// What the method warns of; each warning once.
  let warnings: [String]

  /// Scores all training examples for every query.
  ///
  /// - Parameters:
  ///   - method: As the catalog reads it.
  ///   - pair: Gradients of training examples and queries.
  ///   - dampings: The grid.
  init(of method: String, on pair: GradientPair, dampings: [Double]) throws {
    let isDamped = try EstimatorCatalog.estimator(method).isDamped
    var places: [Place] = []
    var warnings: [String] = []
    for damping in isDamped ? dampings.map(Optional.some) : [nil] {
      let scores = try MethodScores(
        of: [method], on: pair, damping: damping.map { .relative($0) } ?? .standard)
      places.append(Place(damping: damping, scores: scores.values[0]))
      warnings += scores.warnings.filter { !warnings.contains($0) }
    }
    self.method = method
    self.places = places
    self.warnings = warnings
  }

  /// Scores that were made otherwise, without λ.
  init(undamped method: String, _ scores: Matrix<Double>) {
    self.method = method
    places = [Place(damping: nil, scores: scores)]
    warnings = []
  }
}
