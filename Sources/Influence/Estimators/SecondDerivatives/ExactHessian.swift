public import Gradients

/// The second derivative of the training loss itself: M = (H + λI)⁻¹.
///
///     H = ∇² of the mean training loss
///
/// Koh and Liang (2017). The matrix comes from the model and lies beside the training gradients
/// (`StoredCurvature`). Each block takes its own part of it, so that one block of all parameters is the
/// whole Hessian, and one block per tensor is its block diagonal. H + λI that is indefinite, as in networks
/// that have not converged, is solved by LDLᵀ, with a warning: the scores are then those of a saddle point.
///
/// - Cost: d³/3 per block once, then 2md² + 2mnd. Damping: the same λ as the other methods'; use
///   `absolute:0` where the Hessian holds the regulariser.
public struct ExactHessian: Estimator {
  /// `exact-hessian`.
  public static let name = "exact-hessian"
  /// What the method is, in one line.
  public static let summary = "damped Hessian of the model"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "M = (H + λI)⁻¹, H = ∇² of the mean training loss",
    source: "Koh and Liang (2017)",
    cost: "d³/3 once, then 2md² + 2mnd",
    remark: "Where H + λI is indefinite, scores are those of a saddle point, and a warning says so."
  )

  private let fit = SecondDerivativeFit(
    matrix: .hessian, method: Self.name, definiteMethod: ExactGaussNewton.name)

  /// Makes the estimator.
  public init() {}

  /// True: λ may be zero if H has an inverse.
  public var allowsZeroDamping: Bool { true }
  /// True: the Hessian is that of all parameters.
  public var prefersOneBlock: Bool { true }
  /// The factorised Hessian.
  public var querySide: (any QuerySideFit)? { fit }
  /// Requires the matrix beside the gradients, of their width.
  public func check(_ training: GradientStore) throws { _ = try fit.curvature(of: training) }
}
