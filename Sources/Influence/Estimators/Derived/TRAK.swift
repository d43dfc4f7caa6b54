import Foundation
public import Gradients

/// TRAK: the exact method on features of a linearised model, weighted by how wrong it is.
///
///     S = Φ_q·(ΦᵀΦ + ρI)⁻¹·Φᵀ·diag(1 − pᵢ)        Φ = projected gradients of the margin log p/(1 − p)
///
/// Park, Georgiev, Ilyas, Leclerc and Madry, "TRAK: Attributing Model Behavior at Scale" (2023), for one
/// model: average the scores of several as an ensemble. The store holds Φ: margin gradients
/// (`influence gradients --margins`), projected (`influence project`) so far that there are fewer columns
/// than examples. pᵢ, the probability of the right class, comes with the store (`LabelProbabilities`), or
/// from where the setting says; one weight is as good as another for the order of a query's scores only if all
/// examples have it, so there is no default.
///
/// - Cost: as ``ExactFisher``. Damping: λ = ρ/n; TRAK's own is none, `absolute:0`.
public struct TRAK: Estimator {
  /// `trak`.
  public static let name = "trak"
  /// What the method is, in one line.
  public static let summary = "features of the margin, weighted by 1 − p"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula:
      "S = Φ_q·(ΦᵀΦ + nλI)⁻¹·Φᵀ·diag(1 − pᵢ), Φ projected gradients of the margin log p/(1 − p)",
    source: "Park, Georgiev, Ilyas, Leclerc and Madry (2023)",
    cost: "that of exact at the projected width",
    remark: "TRAK's own damping is none, absolute:0.")
  /// Where the probabilities are.
  public static let declaredSettings: [MethodSetting<TRAK>] = [
    .path("probabilities", \.probabilities, usage: "probabilities=FILE")
  ]

  /// Where the probabilities pᵢ are: a `.npy` file of n numbers; beside the store unless given.
  public var probabilities: String?
  private let exact = ExactFisher()

  /// Makes the estimator, which reads the probabilities beside the store.
  public init() {}

  /// Makes the estimator.
  ///
  /// - Parameter probabilities: A `.npy` file of n numbers from 0 to 1; beside the store if it is nil.
  public init(probabilities: String?) { self.probabilities = probabilities }

  /// The probability of the right class of every training example.
  public var inputs: Set<Need> { [.probabilities] }
  /// True: TRAK is defined without damping.
  public var allowsZeroDamping: Bool { true }
  /// Scores are multiplied by (1 − p)/n: F is ΦᵀΦ/n.
  public var normalization: ScoreNormalization { .exampleWeights }
  /// The score side of exact.
  public var scoreSide: (any ScoreSideFit)? { exact.scoreSide }
  /// The query side of exact.
  public var querySide: (any QuerySideFit)? { exact.querySide }

  /// Requires the probabilities of all examples.
  public func check(_ training: GradientStore) throws { _ = try exampleWeights(on: training) }

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
        "there are no probabilities of the right class; store them beside the gradients of the margin, or say where they are with trak:probabilities=FILE.npy"
      )
    }
    if let reason = found.problem(of: training.count) { throw problem(reason) }
    return found.values.map { (1 - $0) / Double(training.count) }
  }
}
