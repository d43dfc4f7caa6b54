public import LinearAlgebra

/// The inner product of gradients: M = I.
///
///     S = V·Gᵀ
///
/// Hessian-free influence (arXiv 2405.17490), TracIn with one checkpoint, gradient dot. No curvature
/// and no damping, so blocks with large gradients dominate.
///
/// - Cost: 2mnd a block.
public struct HessianFree: Estimator {
  /// Makes the estimator.
  public init() {}

  /// `hessian-free`.
  public var name: String { "hessian-free" }
  /// None.
  public var settings: [String: String] { [:] }

  /// There is nothing to damp.
  public var isDamped: Bool { false }
  /// There is nothing to damp.
  public var allowsZeroDamping: Bool { true }

  /// Norms are not needed either, but known.
  public func need(on side: Side) -> CurvatureNeed { .norms }

  /// β = 1, a = 0.
  public func scoreSide<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) -> any ScoreSideOperator { ScaledIdentity(beta: 1, context: gram.context) }

  /// X = V.
  public func querySide<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) -> any QuerySideOperator {
    ScaledIdentity(beta: 1, context: gram.context)
  }
}
