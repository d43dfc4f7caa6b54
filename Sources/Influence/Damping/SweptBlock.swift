import LinearAlgebra

/// One block of a sweep: its spectrum, and what all dampings share.
struct SweptBlock: Sendable {
  /// The block under the default damping.
  let context: BlockContext
  /// The eigenvalues s of F, ascending; none below zero.
  let eigenvalues: [Double]
  /// ‖v‖² of each query.
  let squaredQueryNorms: [Double]
  /// What the method keeps.
  let scores: any SweptScores

  /// Decomposes a block's K or F, and takes what all dampings share.
  ///
  /// - Complexity: n²d + 9n³ operations on the score side, nd² + 9d³ on the query side; see each
  ///   ``SweepFit`` for the rest.
  init<Element: Scalar>(
    _ context: BlockContext, _ side: Side, _ fit: any SweepFit, method: String,
    queries: MatrixView<Element>, pass: GradientPass<Element>
  ) throws {
    self.context = context
    squaredQueryNorms = queries.squaredRowNorms()
    let gram = try BlockGram(
      context: context, side: side, matrix: side == .score ? try pass.kernel() : try pass.fisher())
    _ = try gram.eigenbasis(for: method)
    eigenvalues = try gram.fisherEigenvalues()
    scores = try fit.sweep(gram, queries: queries, pass: pass)
  }

  /// Adds the block's scores at every damping: row `i · m + q` is query q at `lambdas[i]`.
  ///
  /// - Throws: ``InfluenceError/outOfRange(block:)`` where products overflow.
  func addScores(at lambdas: [Double], to total: inout Matrix<Double>) throws {
    try scores.addScores(at: lambdas, to: &total)
    guard total.elements.allSatisfy(\.isFinite) else {
      throw InfluenceError.outOfRange(block: context.name)
    }
  }

  /// Σ s/(s + λ).
  func effectiveDimension(at lambda: Double) -> Double {
    eigenvalues.reduce(0) { $0 + $1 / ($1 + lambda) }
  }

  /// (s_max + λ)/λ.
  func conditionNumber(at lambda: Double) -> Double { ((eigenvalues.last ?? 0) + lambda) / lambda }

  /// κ·√(tr(F)/s_max).
  func roundingAmplification(at lambda: Double) -> Double {
    let largest = eigenvalues.last ?? 0
    let stableRank = largest > 0 ? eigenvalues.reduce(0, +) / largest : 1
    return conditionNumber(at: lambda) * stableRank.squareRoot()
  }
}
