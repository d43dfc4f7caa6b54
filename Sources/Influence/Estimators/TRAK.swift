import Foundation
public import Gradients
public import LinearAlgebra

/// TRAK: the exact method on features of a linearised model, weighted by how wrong it is.
///
///     S = Φ_q·(ΦᵀΦ + ρI)⁻¹·Φᵀ·diag(1 − pᵢ)        Φ = projected gradients of the margin log p/(1 − p)
///
/// Park, Georgiev, Ilyas, Leclerc and Madry, "TRAK: Attributing Model Behavior at Scale" (2023), for one
/// model: average the scores of several as an ensemble. The store holds Φ: margin gradients
/// (`influence gradients --margins`), projected (`influence project`) so far that there are fewer columns
/// than examples. pᵢ, the probability of the right class, comes with the store (``LabelProbabilities``), or
/// from where the setting says; one weight is as good as another for the order of a query's scores only if all
/// examples have it, so there is no default.
///
/// - Cost: as ``ExactFisher``. Damping: λ = ρ/n; TRAK's own is none, `absolute:0`.
public struct TRAK: Estimator {
  /// Where the probabilities pᵢ are: a `.npy` file of n numbers; beside the store unless given.
  public var probabilities: String?
  private let exact = ExactFisher()

  /// Makes the estimator.
  ///
  /// - Parameter probabilities: A `.npy` file of n numbers from 0 to 1; beside the store unless given.
  public init(probabilities: String? = nil) { self.probabilities = probabilities }

  /// `trak`.
  public var name: String { "trak" }
  /// Where the probabilities are, if that was said.
  public var settings: [String: String] {
    probabilities.map { ["probabilities": $0] } ?? [:]
  }
  /// TRAK is defined without damping.
  public var allowsZeroDamping: Bool { true }
  /// By (1 − p)/n: F is ΦᵀΦ/n.
  public var normalization: ScoreNormalization { .exampleWeights }

  /// The probabilities of all examples.
  public func check(_ training: GradientStore) throws { _ = try exampleWeights(on: training) }
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

  /// (1 − pᵢ)/n.
  public func exampleWeights(on training: GradientStore) throws -> [Double] {
    let given = probabilities.map { URL(filePath: $0) }
    let found = try given.map { try LabelProbabilities(ifAt: $0) } ?? training.probabilities()
    func problem(_ reason: String) -> InfluenceError {
      .missingInput(
        method: name,
        source: found?.source ?? given?.path ?? training.path(of: LabelProbabilities.self),
        reason: reason)
    }
    guard let found else {
      throw problem(
        "there are no probabilities of the right class; `influence gradients --margins` writes them, and trak:probabilities=FILE.npy says where they are"
      )
    }
    if let reason = found.problem(of: training.count) { throw problem(reason) }
    return found.values.map { (1 - $0) / Double(training.count) }
  }
}
