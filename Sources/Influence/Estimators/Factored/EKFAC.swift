public import Gradients
import LinearAlgebra

/// EK-FAC: K-FAC's eigenbasis with the second moments of the gradients in it.
///
///     F ≈ Q·diag(Λ)·Qᵀ,   Q = Q_s ⊗ Q_a,   Λ = mean (Q_s·g·Q_aᵀ)²
///
/// George et al. (2018); for influence: Grosse et al. (arXiv 2308.03296). Of all diagonals in this basis Λ
/// is the nearest to F in the Frobenius norm, and its sum is mean ‖g‖². Λ is taken from the model's
/// curvature beside the training gradients, or, where that holds none, from the gradients themselves by
/// one pass: then it is the empirical Fisher's.
///
/// - Cost: 9(p³ + q³) and 2npq(p + q) once, unless stored; then 4pq(p + q) per query and 2mnd. Damping: as
///   ``KFAC``.
public struct EKFAC: Estimator {
  /// `ekfac`.
  public static let name = "ekfac"
  /// What the method is, in one line.
  public static let summary = "their eigenbasis with the gradients' second moments"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "M = Q·(Λ + λI)⁻¹·Qᵀ, Q the eigenbasis of S ⊗ A, Λ = mean (Q_s·g·Q_aᵀ)²",
    source: "George et al. (2018); Grosse et al. (arXiv 2308.03296)",
    cost: "9(p³ + q³) and 2npq(p + q) once unless stored, then 4pq(p + q) per query and 2mnd")

  /// Makes the estimator.
  public init() {}

  /// True: λ may be zero if no second moment is zero.
  public var allowsZeroDamping: Bool { true }
  /// The eigenvectors of both factors, and Λ; there is no kernel of factors.
  public var querySide: (any QuerySideFit)? { QuerySide() }

  /// Requires factors of every block, of the block's shape.
  public func check(_ training: GradientStore) throws {
    try training.checkKroneckerFactors(for: name)
  }

  private struct QuerySide: KroneckerFit {
    var needs: Set<Need> { [.kroneckerFactors, .ownFit] }

    /// A pass for Λ, where it is not stored.
    func fittingWork(_ block: BlockShape) -> Work {
      if let curvature = block.curvature, curvature.holdsEigenbasis(of: block.block) {
        return Work()
      }
      var work = decompositionWork(block)
      work.addMomentsPass(block)
      return work
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      let context = gram.context
      let factors = try pass.store.kroneckerFactors(of: context.block, for: EKFAC.name)
      if let activations = factors.activationBasis, let outputs = factors.outputBasis,
        let eigenvalues = factors.eigenvalues
      {
        return try KroneckerOperator(
          basis: KroneckerBasis(activations: activations, outputs: outputs),
          eigenvalues: eigenvalues, context: context, method: EKFAC.name,
          warnings: try pass.store.compareSum(ofMoments: eigenvalues, in: context).map {
            ["\(EKFAC.name): \($0)"]
          } ?? [])
      }
      let (basis, _) = try factors.eigenbasis(block: context.name, method: EKFAC.name)
      return try KroneckerOperator(
        basis: basis, eigenvalues: try basis.secondMoments(pass), context: context,
        method: EKFAC.name)
    }
  }
}
