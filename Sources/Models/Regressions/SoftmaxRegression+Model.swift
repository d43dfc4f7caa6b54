public import Data
public import LinearAlgebra

extension SoftmaxRegression: NetworkModel {
  /// Double precision.
  public typealias Element = Double
  /// Examples with a class each.
  public typealias Examples = TabularDataSet<Double>

  /// The network of one layer.
  public var network: MultilayerPerceptron<Double> { model }
  /// α, of all weights and biases.
  public var penalty: Double { settings.regularization }

  /// The same model with the factor of its Hessian, which training on similar examples then takes.
  public func keepingFactor() throws -> SoftmaxRegression {
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
  ) throws -> SoftmaxRegression {
    let kept = weights?.reduce(0, +) ?? Double(examples.count)
    return try retrained(
      on: examples, weights: weights,
      settings: lossScale.settings(settings, count: data.count, kept: kept), factor: factor)
  }
}
