public import Gradients

/// The Gauss–Newton matrix of the training loss: M = (H + λI)⁻¹.
///
///     H = mean Jᵀ·(∇² of the loss by the outputs)·J, never indefinite
///
/// The matrix comes from the model and lies beside the training gradients (`StoredCurvature`), and each
/// block takes its own part of it, as with ``ExactHessian``.
///
/// - Cost: d³/3 per block once, then 2md² + 2mnd. Damping: the same λ as the other methods'; use
///   `absolute:0` where the matrix holds the regulariser.
public struct ExactGaussNewton: Estimator {
  /// `exact-ggn`.
  public static let name = "exact-ggn"
  /// What the method is, in one line.
  public static let summary = "damped Gauss–Newton matrix of the model"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "M = (H + λI)⁻¹, H = mean Jᵀ·(∇² of the loss by the outputs)·J",
    source: "the Gauss–Newton matrix of the model",
    cost: "d³/3 once, then 2md² + 2mnd",
    remark: "Meant for one block of all parameters.")

  private let fit = SecondDerivativeFit(
    matrix: .gaussNewton, method: Self.name, definiteMethod: Self.name)

  /// Makes the estimator.
  public init() {}

  /// True: λ may be zero if H has an inverse.
  public var allowsZeroDamping: Bool { true }
  /// True: the matrix is that of all parameters.
  public var prefersOneBlock: Bool { true }
  /// The factorised matrix.
  public var querySide: (any QuerySideFit)? { fit }
  /// Requires the matrix beside the gradients, of their width.
  public func check(_ training: GradientStore) throws { _ = try fit.curvature(of: training) }
}
