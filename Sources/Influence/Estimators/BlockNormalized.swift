public import LinearAlgebra

/// The inner product of gradients, each block divided by its damping: M = I/λ.
///
///     S = V·Gᵀ / λ
///
/// What DataInf tends to when its rank-one corrections are spread over many directions; the baseline
/// that tells how much of a method's gain comes from rescaling blocks alone (methods: "Properties of
/// DataInf").
///
/// - Cost: 2mnd a block.
public struct BlockNormalized: Estimator {
  /// Makes the estimator.
  public init() {}

  /// `block-normalized`.
  public var name: String { "block-normalized" }
  /// None.
  public var settings: [String: String] { [:] }

  /// λ comes from the norms.
  public func need(on side: Side) -> CurvatureNeed { .norms }

  /// β = 1/λ, a = 0.
  public func scoreSide<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) -> any ScoreSideOperator {
    ScaledIdentity(beta: 1 / gram.context.lambda, context: gram.context)
  }

  /// X = V/λ.
  public func querySide<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) -> any QuerySideOperator {
    ScaledIdentity(beta: 1 / gram.context.lambda, context: gram.context)
  }
}
