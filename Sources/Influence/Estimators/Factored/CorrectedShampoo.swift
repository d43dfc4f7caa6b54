public import Gradients
import LinearAlgebra

/// Shampoo's eigenbasis with the second moments of the gradients in it.
///
///     F ≈ Q·diag(Λ)·Qᵀ          Q the eigenbasis of L ⊗ R, Λ = mean (Q_L·g·Q_Rᵀ)²
///
/// It is to ``Shampoo`` what EK-FAC is to K-FAC (SOAP, Vyas et al. 2024). The trace of both is mean ‖g‖²,
/// and no other diagonal in that basis is nearer to F than Λ.
///
/// - Cost: 4npq(p + q) and 9(p³ + q³) once; then 4pq(p + q) per query and 2mnd. Damping: the same λ as the
///   other methods', added in the eigenbasis.
public struct CorrectedShampoo: Estimator {
  /// `eshampoo`.
  public static let name = "eshampoo"
  /// What the method is, in one line.
  public static let summary = "their eigenbasis with the gradients' second moments"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "M = Q·(Λ + λI)⁻¹·Qᵀ, Q the eigenbasis of L ⊗ R, Λ = mean (Q_L·g·Q_Rᵀ)²",
    source: "Vyas et al., SOAP (2024): to shampoo what ekfac is to kfac",
    cost: "4npq(p + q) and 9(p³ + q³) once, then 4pq(p + q) per query and 2mnd",
    remark: "Blocks must be matrices.")

  /// Makes the estimator.
  public init() {}

  /// True: λ may be zero if no second moment is zero.
  public var allowsZeroDamping: Bool { true }
  /// The eigenbasis by one pass, and Λ by another; they cannot be seen from K.
  public var querySide: (any QuerySideFit)? { QuerySide() }

  /// Requires blocks that are matrices or vectors.
  public func check(_ training: GradientStore) throws {
    for block in training.layout.blocks { _ = try block.matrixShape(neededBy: name) }
  }

  private struct QuerySide: KroneckerFit {
    var needs: Set<Need> { [.ownFit] }

    func fittingWork(_ block: BlockShape) -> Work {
      var work = decompositionWork(block)
      work.addFactorsPass(block)
      work.addMomentsPass(block)
      return work
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      let (context, method) = (gram.context, CorrectedShampoo.name)
      let factors = try pass.matrixMoments(of: context.block, neededBy: method)
      let (basis, _) = try factors.eigenbasis(block: context.name, method: method)
      return try KroneckerOperator(
        basis: basis, eigenvalues: try basis.secondMoments(pass), context: context,
        method: method)
    }
  }
}
