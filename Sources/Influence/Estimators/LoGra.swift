public import Gradients
public import LinearAlgebra

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
  private let exact = ExactFisher()

  /// Makes the estimator.
  public init() {}

  /// `logra`.
  public var name: String { "logra" }
  /// None.
  public var settings: [String: String] { [:] }
  /// As exact.
  public var withoutMatrices: (any Estimator)? { exact.withoutMatrices }

  /// Gradients that were projected from both sides.
  public func check(_ training: GradientStore) throws {
    guard training.projection?.hasPrefix("logra") == true else {
      throw InfluenceError.missingInput(
        method: name, source: training.name,
        reason:
          "the gradients were not projected from both sides; make them with `influence project --kind logra`, or choose exact"
      )
    }
  }
  /// As exact.
  public func need(on side: Side) -> CurvatureNeed { exact.need(on: side) }
  /// As exact.
  public func scoreSide<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) throws -> any ScoreSideOperator { try exact.scoreSide(gram, precision: Element.self) }
  /// As exact.
  public func querySide<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) throws -> any QuerySideOperator { try exact.querySide(gram, pass: pass) }
}
