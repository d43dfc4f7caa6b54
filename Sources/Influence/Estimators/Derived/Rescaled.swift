public import Gradients

/// Rescaled influence: every example's score divided by what is left of its own say, one block at a time.
///
///     S = Σ_blocks S_b/(1 − hᵢ),   hᵢ = gᵢᵀ·M·gᵢ/n in the block
///
/// Rubinstein and Hopkins, "Rescaled Influence Functions: Accurate Data Attribution in High Dimension" (NeurIPS 2025,
/// arXiv 2506.06656). Without example i the curvature is F − gᵢgᵢᵀ/n, and by Sherman and Morrison the parameters answer
/// with M·gᵢ/(1 − hᵢ) instead of M·gᵢ: with M of exact a score is n times the change in the damped Fisher model of each
/// block, to the last digit, where plain scores are too small for examples with a large hᵢ. Scores of a set of examples
/// are the sum of theirs, as in the paper (``GroupInfluence/additive``).
///
/// hᵢ stays below 1 with exact; with another M it need not, which is an error.
///
/// - Cost: that of the method that gives M, and of its self-influence once. Damping: that method's.
public struct Rescaled: Estimator {
  /// `rescaled`.
  public static let name = "rescaled"
  /// What the method is, in one line.
  public static let summary = "divided by 1 − leverage, as if an example were left out"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "S = Σ_blocks S_b/(1 − hᵢ), hᵢ = gᵢᵀMgᵢ/n, M of base=",
    source: "Rubinstein and Hopkins (2025, arXiv 2506.06656)",
    cost: "that of the base, and its self-influence once",
    remark:
      "With M of exact it is n times the effect of leaving the example out of the damped Fisher model."
  )
  /// The method that gives M, which is recorded where it is not exact.
  public static let declaredSettings: [MethodSetting<Rescaled>] = [
    .base(\.base, usage: "base=METHOD, exact unless given")
  ]

  /// The method that gives M.
  public var base: any Estimator

  /// Makes the estimator with exact as its base.
  public init() { self.init(base: ExactFisher()) }

  /// Makes the estimator.
  ///
  /// - Parameter base: The method that gives M; not itself normalised.
  public init(base: any Estimator) { self.base = base }

  /// Requires settings with which the base method can score.
  public func validateTogether() throws(InfluenceError) { try base.validateSettings() }
  /// Scores of a block are divided by 1 − leverage.
  public var normalization: ScoreNormalization { .leverage }
  /// What the base method has.
  public var withoutMatrices: (any Estimator)? { base.withoutMatrices }
  /// What the base method needs.
  public var inputs: Set<Need> { base.inputs }
  /// Whether the base method is damped.
  public var isDamped: Bool { base.isDamped }
  /// Whether the base method allows it.
  public var allowsZeroDamping: Bool { base.allowsZeroDamping }
  /// False: each block divides its own products.
  public var isLinear: Bool { false }
  /// Whether the base method does.
  public var prefersOneBlock: Bool { base.prefersOneBlock }
  /// The score side of the base method.
  public var scoreSide: (any ScoreSideFit)? { base.scoreSide }
  /// The query side of the base method.
  public var querySide: (any QuerySideFit)? { base.querySide }
  /// Requires what the base method requires.
  public func check(_ training: GradientStore) throws { try base.check(training) }
}
