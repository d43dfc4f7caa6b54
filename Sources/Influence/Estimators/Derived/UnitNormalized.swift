public import Gradients

/// Scores of any method between gradients of unit length.
///
///     S = V·M·Gᵀ / (‖v‖·‖gᵢ‖)
///
/// Lengths are those of whole gradients, over all blocks. With M = I it is ``Cosine``. Gradient norms decide rankings in
/// many models, as those of mislabelled or very short examples are large: this takes them out of any method.
///
/// - Cost: that of the method that gives M; the norms are known. Damping: that method's.
public struct UnitNormalized: Estimator {
  /// `unit`.
  public static let name = "unit"
  /// What the method is, in one line.
  public static let summary = "another method between gradients of unit length"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "S = V·M·Gᵀ/(‖v‖·‖gᵢ‖), over whole gradients, M of base=",
    source: "gradients of unit length under any method; cosine where M = I",
    cost: "that of the base")
  /// The method that gives M, which is recorded where it is not exact.
  public static let declaredSettings: [MethodSetting<UnitNormalized>] = [
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

  /// The text from which the catalog makes this method.
  ///
  /// - Parameter base: The text of the method that gives M.
  public static func specification(base: String) -> String {
    MethodSpecification(name, ["base": base]).text
  }

  /// Requires settings with which the base method can score.
  public func validateTogether() throws(InfluenceError) { try base.validateSettings() }
  /// Scores are divided by the norms of both gradients.
  public var normalization: ScoreNormalization { .gradientNorms }
  /// What the base method has.
  public var withoutMatrices: (any Estimator)? { base.withoutMatrices }
  /// What the base method needs.
  public var inputs: Set<Need> { base.inputs }
  /// Whether the base method is damped.
  public var isDamped: Bool { base.isDamped }
  /// Whether the base method allows it.
  public var allowsZeroDamping: Bool { base.allowsZeroDamping }
  /// Whether the base method does.
  public var prefersOneBlock: Bool { base.prefersOneBlock }
  /// The score side of the base method.
  public var scoreSide: (any ScoreSideFit)? { base.scoreSide }
  /// The query side of the base method.
  public var querySide: (any QuerySideFit)? { base.querySide }
  /// Requires what the base method requires.
  public func check(_ training: GradientStore) throws { try base.check(training) }
}
