/// The inner product of gradients: M = I.
///
///     S = V·Gᵀ
///
/// Hessian-free influence (arXiv 2405.17490), TracIn with one checkpoint, gradient dot. It has no curvature
/// and no damping, so blocks with large gradients dominate.
///
/// - Cost: 2mnd operations per block.
public struct HessianFree: Estimator {
  /// `hessian-free`.
  public static let name = "hessian-free"
  /// What the method is, in one line.
  public static let summary = "inner product of gradients, M = I"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "S = V·Gᵀ",
    source:
      "Hessian-free influence (arXiv 2405.17490); TracIn with one checkpoint (Pruthi et al. 2020)",
    cost: "2mnd",
    remark: "Blocks with large gradients dominate.")

  /// Makes the estimator.
  public init() {}

  /// False: there is nothing to damp.
  public var isDamped: Bool { false }
  /// True: there is nothing to damp.
  public var allowsZeroDamping: Bool { true }

  /// β = 1, a = 0.
  public var scoreSide: (any ScoreSideFit)? { ScaledIdentityOnScores { _ in 1 } }
  /// X = V.
  public var querySide: (any QuerySideFit)? { ScaledIdentityOnQueries { _ in 1 } }
}
