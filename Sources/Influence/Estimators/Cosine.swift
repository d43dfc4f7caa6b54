public import LinearAlgebra

/// The cosine of gradients: the inner product divided by both norms.
///
///     S = V·Gᵀ / (‖v‖·‖gᵢ‖)
///
/// Products and norms are those of whole gradients, summed over the blocks before they are divided.
/// GradCos (Pezeshkpour et al., "An Empirical Comparison of Instance Attribution Methods for NLP",
/// 2021). Blind to the size of a gradient: the self-influence of every example is 1, so it says nothing
/// of which are mislabelled.
///
/// - Cost: as ``HessianFree``; norms are known. No damping.
public struct Cosine: Estimator {
  /// Makes the estimator.
  public init() {}

  /// `cosine`.
  public var name: String { "cosine" }
  /// None.
  public var settings: [String: String] { [:] }
  /// By the norms of both gradients.
  public var normalization: ScoreNormalization { .gradientNorms }
  /// There is nothing to damp.
  public var isDamped: Bool { false }
  /// There is nothing to damp.
  public var allowsZeroDamping: Bool { true }

  /// Norms.
  public func need(on side: Side) -> CurvatureNeed { .norms }

  /// β = 1, a = 0.
  public func scoreSide<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) throws -> any ScoreSideOperator { ScaledIdentity(beta: 1, context: gram.context) }

  /// X = V.
  public func querySide<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) throws -> any QuerySideOperator { ScaledIdentity(beta: 1, context: gram.context) }
}
