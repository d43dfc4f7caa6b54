public import Gradients
import LinearAlgebra

/// Kronecker factors from the gradients alone: their second moments by rows and by columns.
///
///     F ≈ L ⊗ R / tr L          L = mean g·gᵀ (q × q), R = mean gᵀ·g (p × p)
///
/// For matrix-shaped blocks, g of q × p; a vector is q × 1. Gupta, Koren and Singer, "Shampoo" (2018),
/// with the power 1 of both factors and the trace of F, as in Morwani et al., "A New Perspective on
/// Shampoo's Preconditioner" (2024). Nothing but gradients is needed, so any store will do.
///
/// - Cost: 2npq(p + q) and 9(p³ + q³) once; then 4pq(p + q) per query and 2mnd. Damping: the same λ as the
///   other methods', added in the eigenbasis.
public struct Shampoo: Estimator {
  /// `shampoo`.
  public static let name = "shampoo"
  /// What the method is, in one line.
  public static let summary = "second moments of each block's rows and columns"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "M = (L ⊗ R/tr L + λI)⁻¹, L = mean ggᵀ, R = mean gᵀg",
    source: "Gupta, Koren and Singer (2018); Morwani et al. (2024)",
    cost: "2npq(p + q) and 9(p³ + q³) once, then 4pq(p + q) per query and 2mnd",
    remark: "Blocks must be matrices.")

  /// Makes the estimator.
  public init() {}

  /// True: λ may be zero if no eigenvalue is zero.
  public var allowsZeroDamping: Bool { true }
  /// Both second moments, by one pass; they cannot be seen from K.
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
      return work
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      let context = gram.context
      let factors = try pass.matrixMoments(of: context.block, neededBy: Shampoo.name)
      let (basis, values) = try factors.eigenbasis(block: context.name, method: Shampoo.name)
      var eigenvalues = Matrix(product: values.outputs.view, values.activations.transposed)
      eigenvalues.scale(by: 1 / factors.outputGradients.diagonal.reduce(0, +))
      return try KroneckerOperator(
        basis: basis, eigenvalues: eigenvalues, context: context, method: Shampoo.name)
    }
  }
}
