public import LinearAlgebra

/// The Kronecker factors of a linear map y = W·x, W of q × p: F ≈ S ⊗ A.
///
/// Martens and Grosse, "Optimizing Neural Networks with Kronecker-factored Approximate Curvature" (2015);
/// the corrected eigenvalues: George et al., "Fast Approximate Natural Gradient Descent in a
/// Kronecker-factored Eigenbasis" (2018).
public struct KroneckerFactors: Sendable {
  enum Part: String, CaseIterable {
    case activations
    case outputGradients = "output_gradients"
    case activationBasis = "activation_basis"
    case outputBasis = "output_basis"
    case eigenvalues
  }

  /// A = mean a·aᵀ of the inputs, `p × p`.
  public var activations: Matrix<Double>
  /// S = mean s·sᵀ of the gradients by the outputs, `q × q`.
  public var outputGradients: Matrix<Double>
  /// The eigenvectors of A, one per row, `p × p`.
  public var activationBasis: Matrix<Double>?
  /// The eigenvectors of S, one per row, `q × q`.
  public var outputBasis: Matrix<Double>?
  /// Λ = mean (Q_s·g·Q_aᵀ)², element by element, `q × p`: the second moments in the eigenbasis.
  public var eigenvalues: Matrix<Double>?

  /// Makes factors of their matrices.
  public init(
    activations: Matrix<Double>, outputGradients: Matrix<Double>,
    activationBasis: Matrix<Double>? = nil, outputBasis: Matrix<Double>? = nil,
    eigenvalues: Matrix<Double>? = nil
  ) {
    self.activations = activations
    self.outputGradients = outputGradients
    self.activationBasis = activationBasis
    self.outputBasis = outputBasis
    self.eigenvalues = eigenvalues
  }

  var parts: [(Part, Matrix<Double>)] {
    let all: [(Part, Matrix<Double>?)] = [
      (.activations, activations), (.outputGradients, outputGradients),
      (.activationBasis, activationBasis), (.outputBasis, outputBasis), (.eigenvalues, eigenvalues),
    ]
    return all.compactMap { part, matrix in matrix.map { (part, $0) } }
  }
}
