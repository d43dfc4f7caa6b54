/// The inner product of gradients, each block divided by its damping: M = I/λ.
///
///     S = V·Gᵀ / λ
///
/// DataInf tends to it when its rank-one corrections are spread over many directions. It is the baseline
/// that tells how much of a method's gain comes from rescaling blocks alone (docs/methods.md: "Properties
/// of DataInf").
///
/// - Cost: 2mnd operations per block.
public struct BlockNormalized: Estimator {
  /// `block-normalized`.
  public static let name = "block-normalized"
  /// What the method is, in one line.
  public static let summary = "inner product divided by each block's damping, M = I/λ"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "S = V·Gᵀ/λ",
    source:
      "the limit of DataInf where its rank-one terms are spread over many directions (docs/methods.md)",
    cost: "2mnd",
    remark: "It tells how much of a method's gain comes from the scale of blocks alone.")

  /// Makes the estimator.
  public init() {}

  /// β = 1/λ, a = 0.
  public var scoreSide: (any ScoreSideFit)? { ScaledIdentityOnScores { 1 / $0.lambda } }
  /// X = V/λ.
  public var querySide: (any QuerySideFit)? { ScaledIdentityOnQueries { 1 / $0.lambda } }
}
