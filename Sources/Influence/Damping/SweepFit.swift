public import LinearAlgebra

/// How a method is fitted to one block for many dampings at once.
public protocol SweepFit: Sendable {
  /// The sides that it can work on.
  var sides: Set<Side> { get }

  /// Takes what all dampings share.
  ///
  /// - Parameters:
  ///   - gram: K or F of the block under the default damping.
  ///   - queries: V, `m × d`.
  ///   - pass: Products with the training gradients of the block.
  func sweep<Element: Scalar>(
    _ gram: BlockGram, queries: MatrixView<Element>, pass: GradientPass<Element>
  ) throws -> any SweptScores
}

/// What all dampings of one block share, from which the scores at each are made.
public protocol SweptScores: Sendable {
  /// Adds the block's scores at every damping: row `i · m + q` is query q at `lambdas[i]`.
  func addScores(at lambdas: [Double], to total: inout Matrix<Double>) throws
  /// The squares of ‖(F + λ₀I)x − v‖ for the answers x at a damping λ, with λ₀ the default; one per query.
  func squaredResiduals(at lambda: Double) throws -> [Double]
}
