public import Data
public import LinearAlgebra

/// Softmax regression at the minimum of its regularised loss: a network of one layer, trained by Newton's
/// method, so that leaving an example out has a well-defined answer.
///
///     mean loss + (α/2)·‖θ‖²        θ all weights and biases
public struct SoftmaxRegression: Sendable {
  /// The network: `head.weight` and `head.bias`.
  public let model: MultilayerPerceptron<Double>
  /// What it was trained on.
  public let data: TabularDataSet<Double>
  /// How it was trained.
  public let settings: NewtonSettings
  /// ‖∇‖ where training ended.
  public let gradientNorm: Double
  /// What the penalty is held against when the model is trained on other examples.
  public var lossScale = LossScale.kept
  /// The factor of ``hessian()``, where it is kept.
  public var factor: Cholesky<Double>?

  /// Trains on a data set.
  ///
  /// - Parameters:
  ///   - data: n examples.
  ///   - settings: Penalty and tolerance.
  /// - Throws: ``ModelError``, among them ``ModelError/notConverged(steps:gradientNorm:tolerance:)``.
  /// - Complexity: n · classes · D² operations per step, D = classes · (features + 1).
  public init(trainedOn data: TabularDataSet<Double>, settings: NewtonSettings) throws {
    try settings.validate()
    let model = try MultilayerPerceptron<Double>(
      layers: [
        LinearLayer(
          weight: .zeros(data.classCount, data.features.columns),
          bias: [Double](repeating: 0, count: data.classCount))
      ], activation: .tanh)
    try self.init(model, data, settings, factor: nil)
  }

  private init(
    _ start: MultilayerPerceptron<Double>, _ data: TabularDataSet<Double>,
    _ settings: NewtonSettings, factor: Cholesky<Double>?, weights: [Double]? = nil
  ) throws {
    try start.checkFit(data)
    try ExampleWeights.check(weights, count: data.count)
    let objective = Objective(
      model: start, data: data, penalty: settings.regularization, weights: weights)
    let (parameters, norm) = try Newton.minimum(
      of: objective, from: start.trainableValues.flatMap { $0 }, factor: factor,
      settings: settings)
    model = objective.model(parameters)
    self.data = data
    self.settings = settings
    gradientNorm = norm
  }

  /// The Hessian of the regularised mean loss: (1/n) Σ (diag(p) − ppᵀ) ⊗ x·xᵀ + αI, `D × D`.
  public func hessian() throws -> Matrix<Double> {
    try Objective(model: model, data: data, penalty: settings.regularization)
      .hessian(at: model.trainableValues.flatMap { $0 })
  }

  /// The model without one example, with the penalty as it was: mean over the n − 1 others, whose
  /// weight in the loss stays 1/n, so that the removal is the change of one term.
  ///
  /// - Parameters:
  ///   - row: The example.
  ///   - factor: The factor of ``hessian()``: steps near the minimum take no other.
  public func leavingOut(_ row: Int, factor: Cholesky<Double>) throws -> SoftmaxRegression {
    let kept = data.selecting((0..<data.count).filter { $0 != row })
    // (1/n) Σ over n − 1 terms + α/2‖θ‖² has the minimum of the mean over n − 1 with penalty α·n/(n − 1).
    var settings = settings
    settings.regularization *= Double(data.count) / Double(data.count - 1)
    return try SoftmaxRegression(model, kept, settings, factor: factor)
  }

  /// The model of other examples, at the minimum of Σ wᵢ·ℓᵢ/Σ wᵢ + (α/2)·‖θ‖².
  ///
  /// ``hessian()`` of the result leaves the weights out. See
  /// ``ConvexClassifier/retrained(on:weights:settings:factor:)``.
  public func retrained(
    on data: TabularDataSet<Double>, weights: [Double]? = nil, settings: NewtonSettings,
    factor: Cholesky<Double>? = nil
  ) throws -> SoftmaxRegression {
    try settings.validate()
    return try SoftmaxRegression(model, data, settings, factor: factor, weights: weights)
  }

  private struct Objective: ConvexObjective {
    let model: MultilayerPerceptron<Double>
    let data: TabularDataSet<Double>
    let penalty: Double
    var weights: [Double]?

    private var totalWeight: Double { weights?.reduce(0, +) ?? Double(data.count) }

    func model(_ parameters: [Double]) -> MultilayerPerceptron<Double> {
      var moved = model
      let count = model.outputs * model.inputs
      moved.trainableValues = [Array(parameters[..<count]), Array(parameters[count...])]
      return moved
    }

    func value(at parameters: [Double]) -> Double {
      let logits = model(parameters).logits(of: data.features.view)
      let losses = SoftmaxCrossEntropy(logits: logits, labels: data.labels[...]).losses
      let squares = parameters.reduce(0) { $0 + $1 * $1 }
      return ExampleWeights.sum(losses, weights) / totalWeight + penalty / 2 * squares
    }

    func gradient(at parameters: [Double]) -> [Double] {
      let model = model(parameters)
      let pass = model.forwardAndBack(
        data.features, labels: data.labels[...], weights: weights)
      let sums = model.gradientSums(of: pass).flatMap { $0 }
      let total = totalWeight
      return zip(sums, parameters).map { $0 / total + penalty * $1 }
    }

    func hessian(at parameters: [Double]) throws -> Matrix<Double> {
      var hessian = try model(parameters).gaussNewton(over: data, weights: weights)
      hessian.addToDiagonal(penalty)
      return hessian
    }
  }
}

extension SoftmaxRegression: NetworkModel, ConvexClassifier {
  /// Double precision.
  public typealias Element = Double
  /// Examples with a class each.
  public typealias Examples = TabularDataSet<Double>
  /// `softmax`.
  public static var name: String { "softmax" }

  /// The network of one layer.
  public var network: MultilayerPerceptron<Double> { model }
}
