public import Data
public import LinearAlgebra

/// A classifier at the one minimum of its regularised loss, found by Newton's method, so that leaving an
/// example out has a well-defined answer.
public protocol ConvexClassifier: Classifier where Element == Double {
  /// What it was trained on.
  var data: TabularDataSet<Double> { get }
  /// How it was trained.
  var settings: NewtonSettings { get }
  /// What the penalty is held against when the model is trained on other examples.
  var lossScale: LossScale { get set }
  /// The factor of ``hessian()``, which training on similar examples takes; nil where it is not kept.
  var factor: Cholesky<Double>? { get set }

  /// The Hessian of the regularised loss of ``data``, `D × D`.
  func hessian() throws -> Matrix<Double>
  /// The model without one example, whose term is taken away from the loss.
  ///
  /// - Parameters:
  ///   - row: The example.
  ///   - factor: The factor of ``hessian()``.
  func leavingOut(_ row: Int, factor: Cholesky<Double>) throws -> Self
  /// The model of other examples, from here by Newton's method: the minimum is the same from anywhere,
  /// but near.
  ///
  /// - Parameters:
  ///   - data: Examples of the same features and classes.
  ///   - weights: One weight per example, none negative; all 1 unless given.
  ///   - settings: Penalty and tolerance.
  ///   - factor: The factor of a Hessian nearby, such as ``hessian()``: used as long as it serves.
  /// - Throws: ``ModelError``.
  func retrained(
    on data: TabularDataSet<Double>, weights: [Double]?, settings: NewtonSettings,
    factor: Cholesky<Double>?
  ) throws -> Self
}

extension ConvexClassifier {
  /// α, of all parameters.
  public var penalty: Double { settings.regularization }

  /// The same model with the factor of its Hessian.
  public func keepingFactor() throws -> Self {
    var result = self
    result.factor = try Cholesky(factoring: hessian())
    return result
  }

  /// The model of other examples, from here by Newton's method; the penalty follows ``lossScale``.
  ///
  /// - Throws: ``ModelError``.
  public func trained(
    on examples: TabularDataSet<Double>, weights: [Double]?, seed: UInt64,
    progress: ((Double) -> Void)?
  ) throws -> Self {
    let kept = weights?.reduce(0, +) ?? Double(examples.count)
    return try retrained(
      on: examples, weights: weights,
      settings: lossScale.settings(settings, count: data.count, kept: kept), factor: factor)
  }
}
