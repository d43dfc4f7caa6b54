public import Gradients

/// LoGra: the exact method on gradients that were projected from both sides.
///
///     φ = vec(P_out·g·P_inᵀ),   S = Φ_q·(ΦᵀΦ/n + λI)⁻¹·Φᵀ
///
/// Choe et al., "What is Your Data Worth to GPT? LLM-Scale Data Valuation with Influence Functions"
/// (arXiv 2405.13954). The store holds Φ: `influence project --kind logra` makes it, block by block. Named
/// apart from ``ExactFisher`` so that a table says what was projected; it refuses other stores.
///
/// - Cost: as ``ExactFisher`` at the projected width. Damping: a share ρ of the projected blocks' mean
///   eigenvalue, as in the paper's code, whose ρ is 1e-5.
public struct LoGra: Estimator {
  /// `logra`.
  public static let name = "logra"
  /// What the method is, in one line.
  public static let summary = "exact on gradients projected from both sides"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "S = Φ_q·(ΦᵀΦ/n + λI)⁻¹·Φᵀ, φ = vec(P_out·g·P_inᵀ)",
    source: "Choe et al. (2024, arXiv 2405.13954)",
    cost: "that of exact at the projected width")

  private let exact = ExactFisher()

  /// Makes the estimator.
  public init() {}

  /// Gradients that were projected from both sides.
  public var inputs: Set<Need> { [.projectionFromBothSides] }
  /// What exact has.
  public var withoutMatrices: (any Estimator)? { exact.withoutMatrices }
  /// The score side of exact.
  public var scoreSide: (any ScoreSideFit)? { exact.scoreSide }
  /// The query side of exact.
  public var querySide: (any QuerySideFit)? { exact.querySide }

  /// Requires gradients that were projected from both sides.
  public func check(_ training: GradientStore) throws {
    guard training.projection?.hasPrefix("logra") == true else {
      throw InfluenceError.missingInput(
        method: name, source: training.name,
        reason:
          "the gradients were not projected from both sides; project them so first, or choose exact"
      )
    }
  }
}
