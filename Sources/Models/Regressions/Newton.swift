internal import Data
internal import LinearAlgebra

/// How Newton's method minimises a convex, regularised loss.
public struct NewtonSettings: Sendable, Hashable {
  /// α of the penalty (α/2)·‖θ‖² on the mean loss, over all trained parameters, biases included; positive
  /// for softmax, which adding a constant to all classes leaves as it is.
  public var regularization: Double
  /// The gradient's norm at which it is done.
  public var tolerance: Double
  /// The most steps.
  public var maximumSteps: Int

  /// Makes settings.
  public init(regularization: Double, tolerance: Double = 1e-10, maximumSteps: Int = 100) {
    self.regularization = regularization
    self.tolerance = tolerance
    self.maximumSteps = maximumSteps
  }

  func validate() throws(ModelError) {
    try ModelError.check(
      regularization > 0 && regularization.isFinite, "regularisation", regularization,
      "a positive number")
    try ModelError.check(tolerance > 0, "tolerance", tolerance, "a positive number")
    try ModelError.check(maximumSteps >= 1, "number of Newton steps", maximumSteps, "at least 1")
  }
}

/// A convex loss of d parameters, for Newton's method.
protocol ConvexObjective {
  /// The value, without derivatives.
  func value(at parameters: [Double]) -> Double
  /// The gradient, d numbers.
  func gradient(at parameters: [Double]) -> [Double]
  /// The Hessian, `d × d`.
  func hessian(at parameters: [Double]) throws -> Matrix<Double>
}

/// Newton's method with halved steps, or with one factor for all steps where it starts near the minimum.
enum Newton {
  /// Minimises a convex loss.
  ///
  /// - Parameters:
  ///   - objective: The loss, with its penalty.
  ///   - start: Where to begin.
  ///   - factor: A Hessian's factor from nearby: used as long as each step takes the gradient down to a
  ///     half, and given up otherwise.
  ///   - settings: When to stop.
  /// - Returns: The minimum, and the gradient's norm there.
  /// - Throws: ``ModelError/notConverged(steps:gradientNorm:tolerance:)``, or `FactorizationError`.
  static func minimum(
    of objective: some ConvexObjective, from start: [Double], factor: Cholesky<Double>? = nil,
    settings: NewtonSettings
  ) throws -> (parameters: [Double], gradientNorm: Double) {
    var parameters = start
    var gradient = objective.gradient(at: parameters)
    var norm = Self.norm(gradient)
    var known = factor
    for _ in 0..<settings.maximumSteps {
      guard norm > settings.tolerance else { return (parameters, norm) }
      let isFresh = known == nil
      let factor =
        try known ?? Cholesky(factoring: objective.hessian(at: parameters))
      var step = Matrix(rows: 1, columns: gradient.count, elements: gradient)
      factor.solve(rows: &step)
      let direction = step.elements
      var length = 1.0
      if isFresh {
        // Halved until the loss falls as far as a tenth of what its slope says; near the minimum, where
        // that is below rounding, whole steps are right.
        let slope = zip(gradient, direction).reduce(0) { $0 + $1.0 * $1.1 }
        let value = objective.value(at: parameters)
        while length > 1e-8, slope > 1e-12 * abs(value),
          objective.value(at: Self.moved(parameters, direction, length))
            > value - 0.1 * length * slope
        { length /= 2 }
      }
      let next = Self.moved(parameters, direction, length)
      let nextGradient = objective.gradient(at: next)
      let nextNorm = Self.norm(nextGradient)
      if !isFresh, !(nextNorm <= norm / 2) {
        known = nil
        continue
      }
      // At the precision of the gradient no step helps any more.
      if isFresh, length == 1, nextNorm >= norm, norm < 1e3 * settings.tolerance { break }
      (parameters, gradient, norm) = (next, nextGradient, nextNorm)
      known = isFresh ? nil : factor
    }
    guard norm <= settings.tolerance else {
      throw ModelError.notConverged(
        steps: settings.maximumSteps, gradientNorm: norm, tolerance: settings.tolerance)
    }
    return (parameters, norm)
  }

  private static func moved(_ start: [Double], _ direction: [Double], _ length: Double) -> [Double]
  {
    zip(start, direction).map { $0 - length * $1 }
  }

  private static func norm(_ vector: [Double]) -> Double {
    vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }
}
