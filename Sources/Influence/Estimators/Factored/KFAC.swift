public import Gradients
import LinearAlgebra

/// K-FAC: the Fisher matrix of a linear map's weight as a Kronecker product of two small matrices.
///
///     F ≈ S ⊗ A,   M = (S ⊗ A + λI)⁻¹        W is q × p, A = mean a·aᵀ, S = mean s·sᵀ
///
/// Martens and Grosse (2015). The factors come from the model and lie beside the training gradients
/// (`StoredCurvature`); whether labels were the data's or sampled from the model, the file says. A bias
/// is a map of one input that is always 1, so A = [1]. The product is exact where activations and output
/// gradients are independent; its trace is tr A · tr S, which is mean ‖g‖² only then.
///
/// - Cost: 9(p³ + q³) once, then 4pq(p + q) per query and 2mnd. Damping: the same λ as the other methods',
///   a share of the mean eigenvalue of F, added in the eigenbasis.
public struct KFAC: Estimator {
  /// `kfac`.
  public static let name = "kfac"
  /// What the method is, in one line.
  public static let summary = "Kronecker factors of the model, M = (S ⊗ A + λI)⁻¹"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "M = (S ⊗ A + λI)⁻¹, A = mean a·aᵀ of inputs, S = mean s·sᵀ of output gradients",
    source: "Martens and Grosse (2015)",
    cost: "9(p³ + q³) once, then 4pq(p + q) per query and 2mnd")

  /// Makes the estimator.
  public init() {}

  /// True: λ may be zero if no eigenvalue of S ⊗ A is zero.
  public var allowsZeroDamping: Bool { true }
  /// The eigenvectors of both factors; there is no kernel of factors.
  public var querySide: (any QuerySideFit)? { QuerySide() }

  /// Requires factors of every block, of the block's shape.
  public func check(_ training: GradientStore) throws {
    try training.checkKroneckerFactors(for: name)
  }

  private struct QuerySide: KroneckerFit {
    var needs: Set<Need> { [.kroneckerFactors, .ownFit] }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      let context = gram.context
      let factors = try pass.store.kroneckerFactors(of: context.block, for: KFAC.name)
      let (basis, values) = try factors.eigenbasis(block: context.name, method: KFAC.name)
      return try KroneckerOperator(
        basis: basis,
        eigenvalues: Matrix(product: values.outputs.view, values.activations.transposed),
        context: context, method: KFAC.name)
    }
  }
}
