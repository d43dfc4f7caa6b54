public import Gradients

/// The exact scores by conjugate gradients that start from EK-FAC's answer.
///
///     (F + λI)·x = v, with EK-FAC's M before the residuals
///
/// Wang et al., "Better Training Data Attribution via Better Inverse Hessian-Vector Products" (arXiv 2507.14740), on the
/// empirical Fisher matrix: EK-FAC's M is the first direction, so that the answer after one step is at least as near
/// as EK-FAC's own, and what it misses is found by a few passes. It is ``PreconditionedConjugateGradient`` with
/// another preconditioner, by the name under which the field knows it.
///
/// - Cost: as ``EKFAC`` once, then a pass of 4mnd and 4pq(p + q) per query for each step, and a pass of 4mnd.
public struct EKFACConjugateGradient: Estimator {
  /// `ekfac-cg`.
  public static let name = "ekfac-cg"
  /// What the method is, in one line.
  public static let summary = "exact by passes from EK-FAC's answer"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "(F + λI)·x = v by conjugate gradients with ekfac's M before the residuals",
    source: "Wang et al. (2025, arXiv 2507.14740)",
    cost: "as ekfac once, then 4mnd and 4pq(p + q) per query a step, and 4mnd")
  /// Tolerance and steps.
  public static let declaredSettings: [MethodSetting<EKFACConjugateGradient>] = [
    .number("tolerance", \.search.tolerance, .fromZeroBelowOne, usage: "tolerance=E"),
    .integer("steps", \.search.maximumSteps, .positive, usage: "steps=N"),
  ]

  /// The search, with EK-FAC before the residuals.
  var search: PreconditionedConjugateGradient

  /// Makes the estimator with a tolerance of 1e-3 and at most 200 steps.
  public init() { self.init(tolerance: 1e-3) }

  /// Makes the estimator.
  ///
  /// - Parameters:
  ///   - tolerance: The relative residual to reach, in 0 ..< 1; 0 goes on until the steps run out.
  ///   - maximumSteps: The most steps to take.
  public init(tolerance: Double = 1e-3, maximumSteps: Int = 200) {
    search = PreconditionedConjugateGradient(
      tolerance: tolerance, maximumSteps: maximumSteps, preconditioner: .ekfac)
  }

  /// EK-FAC's fit, and passes for every set of queries.
  public var querySide: (any QuerySideFit)? { search.querySide }
  /// Requires factors of every block, of the block's shape.
  public func check(_ training: GradientStore) throws { try EKFAC().check(training) }
}
