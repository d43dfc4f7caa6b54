public import Gradients

/// Relative influence by the loss: scores divided by how strongly the training example acts on its own loss.
///
///     S = V·M·Gᵀ / √(gᵢᵀ·M·gᵢ)
///
/// Barshan, Brunet and Dziugaite, "RelatIF: Identifying Explanatory Training Samples via Relative
/// Influence" (2020), with M of any other method in the place of the inverse Hessian: examples that move
/// every prediction, such as outliers and mislabelled ones, no longer lead every list. Scores and what
/// they are divided by are summed over the blocks first.
///
/// - Cost: that of the method that gives M, and of its self-influence once. Damping: that method's.
public struct RelatIFLoss: Estimator {
  /// `relatif-l`.
  public static let name = "relatif-l"
  /// What the method is, in one line.
  public static let summary = "divided by √(gᵀMg)"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "S = V·M·Gᵀ/√(gᵢᵀMgᵢ), M of base=",
    source: "Barshan, Brunet and Dziugaite (2020)",
    cost: "that of the base, and its self-influence once")
  /// The method that gives M, which is recorded where it is not exact.
  public static let declaredSettings: [MethodSetting<RelatIFLoss>] = [
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
  /// Scores are divided by the root of self-influence.
  public var normalization: ScoreNormalization { .selfInfluence }
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

extension MethodSetting where Method: Estimator {
  /// A method on which another stands; recorded where it is not exact with its default settings.
  static func base(
    _ path: any WritableKeyPath<Method, any Estimator> & Sendable, usage: String
  ) -> MethodSetting {
    MethodSetting(
      name: "base", usage: usage, isMethod: true,
      read: { text, method, resolve in
        guard let base = try resolve(text) as? any Estimator else {
          throw Problem(reason: "'\(text)' is not a method on gradients")
        }
        method[keyPath: path] = base
      },
      text: { method in
        let specification = method[keyPath: path].specification
        return specification == ExactFisher().specification ? nil : specification
      },
      problem: { method in
        let base = method[keyPath: path]
        return base.normalization == .none ? nil : "\(base.name) is divided by something already"
      })
  }
}
