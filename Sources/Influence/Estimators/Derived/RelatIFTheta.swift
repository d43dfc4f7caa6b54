public import Gradients

/// Relative influence by the parameters: scores divided by how far the training example moves them.
///
///     S = V·M·Gᵀ / ‖M·gᵢ‖
///
/// The second constraint of RelatIF (Barshan, Brunet and Dziugaite 2020); see ``RelatIFLoss``.
///
/// - Cost: that of the method that gives M, and of all n training examples as its queries once. Damping:
///   that method's, which may not be zero.
public struct RelatIFTheta: Estimator {
  /// `relatif-theta`.
  public static let name = "relatif-theta"
  /// What the method is, in one line.
  public static let summary = "divided by |Mg|"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "S = V·M·Gᵀ/‖Mgᵢ‖, M of base=",
    source: "Barshan, Brunet and Dziugaite (2020)",
    cost: "that of the base, and of n queries once")
  /// The method that gives M, which is recorded where it is not exact.
  public static let declaredSettings: [MethodSetting<RelatIFTheta>] = [
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
  /// Scores are divided by the change of the parameters.
  public var normalization: ScoreNormalization { .parameterChange }
  /// What the base method has.
  public var withoutMatrices: (any Estimator)? { base.withoutMatrices }
  /// What the base method needs.
  public var inputs: Set<Need> { base.inputs }
  /// Whether the base method is damped.
  public var isDamped: Bool { base.isDamped }
  /// Whether the base method does.
  public var prefersOneBlock: Bool { base.prefersOneBlock }
  /// The score side of the base method.
  public var scoreSide: (any ScoreSideFit)? { base.scoreSide }
  /// The query side of the base method.
  public var querySide: (any QuerySideFit)? { base.querySide }
  /// Requires what the base method requires.
  public func check(_ training: GradientStore) throws { try base.check(training) }
}
