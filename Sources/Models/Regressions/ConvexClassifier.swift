public import Data
public import LinearAlgebra
public import TensorFiles

/// A classifier at the one minimum of its regularised loss, found by Newton's method, so that leaving an
/// example out has a well-defined answer.
public protocol ConvexClassifier: Classifier where Element == Double {
  /// What it was trained on.
  var data: TabularDataSet<Double> { get }
  /// How it was trained.
  var settings: NewtonSettings { get }
  /// ‖∇‖ where training ended.
  var gradientNorm: Double { get }
  /// The model's name in recipes, such as `softmax`.
  static var name: String { get }
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
  /// False: there is one minimum.
  public var dependsOnSeed: Bool { false }
  /// The penalty, and where Newton's method stops.
  public var recipe: OrderedJSON {
    [
      "model": .string(Self.name), "regularization": .number(settings.regularization),
      "tolerance": .number(settings.tolerance), "steps": .integer(settings.maximumSteps),
      "scale": .string(lossScale.rawValue),
    ]
  }

  /// The model of all the examples, with the factor of its Hessian.
  public func start(for examples: TabularDataSet<Double>) throws -> Self {
    var start = try retrained(on: examples, weights: nil, settings: settings, factor: nil)
    start.factor = try Cholesky(factoring: start.hessian())
    start.lossScale = lossScale
    return start
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
