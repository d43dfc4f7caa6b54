public import Gradients
public import LinearAlgebra

/// Relative influence: scores divided by how strongly the training example acts on the whole model.
///
///     relatif-l       S = V·M·Gᵀ / √(gᵢᵀ·M·gᵢ)
///     relatif-theta   S = V·M·Gᵀ / ‖M·gᵢ‖
///
/// Barshan, Brunet and Dziugaite, "RelatIF: Identifying Explanatory Training Samples via Relative
/// Influence" (2020), with M of any other method in the place of the inverse Hessian: examples that move
/// every prediction, such as outliers and mislabelled ones, no longer lead every list. Scores and what
/// they are divided by are summed over the blocks first.
///
/// - Cost: as the method that gives M, and its self-influence once (relatif-theta: all n training
///   examples as queries). Damping: that method's.
public struct RelatIF: Estimator {
  /// What scores are divided by.
  public enum Constraint: String, Sendable, CaseIterable {
    /// The change of the loss, √(gᵀMg).
    case loss = "relatif-l"
    /// The change of the parameters, ‖Mg‖.
    case parameters = "relatif-theta"
  }

  /// What scores are divided by.
  public let constraint: Constraint
  /// The method that gives M.
  public let base: any Estimator

  /// Makes the estimator.
  ///
  /// - Parameters:
  ///   - constraint: What scores are divided by.
  ///   - base: The method that gives M; exact unless given, and not itself normalised.
  public init(_ constraint: Constraint, base: any Estimator = ExactFisher()) {
    self.constraint = constraint
    self.base = base
  }

  /// `relatif-l` or `relatif-theta`.
  public var name: String { constraint.rawValue }
  /// The base method, where it is not exact.
  public var settings: [String: String] { base is ExactFisher ? [:] : ["base": base.name] }
  /// By the root of self-influence, or by the change of the parameters.
  public var normalization: ScoreNormalization {
    constraint == .loss ? .selfInfluence : .parameterChange
  }
  /// What the base method has.
  public var withoutMatrices: (any Estimator)? { base.withoutMatrices }
  /// As the base method.
  public var isDamped: Bool { base.isDamped }
  /// What the base method says.
  public var allowsZeroDamping: Bool { base.allowsZeroDamping && constraint == .loss }

  /// A base method that is not normalised itself.
  public func validateSettings() throws(InfluenceError) {
    guard base.normalization == .none else {
      throw .invalidSetting(
        method: name, setting: "base", reason: "\(base.name) is divided by something already")
    }
    try base.validateSettings()
  }

  /// What the base method checks.
  public func check(_ training: GradientStore) throws { try base.check(training) }
  /// As the base method.
  public func works(on side: Side) -> Bool { base.works(on: side) }
  /// As the base method.
  public func need(on side: Side) -> CurvatureNeed { base.need(on: side) }

  /// As the base method.
  public func scoreSide<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) throws -> any ScoreSideOperator { try base.scoreSide(gram, precision: Element.self) }

  /// As the base method.
  public func querySide<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) throws -> any QuerySideOperator { try base.querySide(gram, pass: pass) }
}
