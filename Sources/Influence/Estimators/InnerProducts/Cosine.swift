/// The cosine of gradients: the inner product divided by both norms.
///
///     S = V·Gᵀ / (‖v‖·‖gᵢ‖)
///
/// Products and norms are those of whole gradients, summed over the blocks before they are divided.
/// GradCos (Pezeshkpour et al., "An Empirical Comparison of Instance Attribution Methods for NLP",
/// 2021). The method is blind to the size of a gradient: the self-influence of every example is 1, so it
/// says nothing of which examples are mislabelled.
///
/// - Cost: as ``HessianFree``; the norms are known.
public struct Cosine: Estimator {
  /// `cosine`.
  public static let name = "cosine"
  /// What the method is, in one line.
  public static let summary = "cosine of gradients"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "S = V·Gᵀ/(‖v‖·‖gᵢ‖), over whole gradients",
    source: "Pezeshkpour, Jain, Wallace and Singh (2021): GradCos",
    cost: "2mnd; the norms are known",
    remark:
      "The self-influence of every example is 1, so it says nothing of wrong labels by itself.")

  private let products = HessianFree()

  /// Makes the estimator.
  public init() {}

  /// Scores are divided by the norms of both gradients.
  public var normalization: ScoreNormalization { .gradientNorms }
  /// False: there is nothing to damp.
  public var isDamped: Bool { products.isDamped }
  /// True: there is nothing to damp.
  public var allowsZeroDamping: Bool { products.allowsZeroDamping }
  /// The inner product.
  public var scoreSide: (any ScoreSideFit)? { products.scoreSide }
  /// The inner product.
  public var querySide: (any QuerySideFit)? { products.querySide }
}
