public import Data
public import LinearAlgebra

/// Logistic regression at the minimum of its regularised loss, for two classes.
///
///     (1/N) Σ wᵢ log(1 + exp(−(2yᵢ − 1)·θᵀxᵢ)) + (α/2)·‖θ‖²
///
/// x ends with a 1, whose parameter is the intercept; it is penalised like the others, so that the
/// Hessian is positive definite whatever the data. N is Σ wᵢ unless given: without weights, the mean loss.
public struct LogisticRegression: Sendable {
  /// θ, features + 1 numbers.
  public let parameters: [Double]
  /// What it was trained on.
  public let data: TabularDataSet<Double>
  /// w, one number from 0 up per example.
  public let weights: [Double]
  /// N, what the weighted sum of losses is divided by.
  public let denominator: Double
  /// How it was trained.
  public let settings: NewtonSettings
  /// ‖∇‖ where training ended.
  public let gradientNorm: Double
  /// What the penalty is held against when the model is trained on other examples.
  public var lossScale = LossScale.kept
  /// The factor of ``hessian()``, where it is kept.
  public var factor: Cholesky<Double>?

  /// Trains on a data set of two classes.
  ///
  /// An example of weight 0 has no part in the loss. What that means for the others follows from N: as the sum of
  /// weights (the default), the parameters are those of training without it at the same α; as a fixed number,
  /// the other terms of the loss stay as they are, which is what influence predicts, see
  /// `leavingOut(_:)`.
  ///
  /// - Parameters:
  ///   - data: n examples.
  ///   - settings: Penalty and tolerance.
  ///   - weights: One per example, finite and not negative, not all 0; all 1 unless given.
  ///   - denominator: N, positive; the sum of the weights unless given.
  ///   - start: The parameters to start at, such as those of a similar model; zeros unless given. They
  ///     change the number of steps, not the minimum.
  /// - Throws: ``ModelError``, among them ``ModelError/notConverged(steps:gradientNorm:tolerance:)``.
  /// - Complexity: nd² + d³/3 operations per step, and about ten steps.
  public init(
    trainedOn data: TabularDataSet<Double>, settings: NewtonSettings, weights: [Double]? = nil,
    denominator: Double? = nil, startingFrom start: [Double]? = nil
  ) throws {
    try settings.validate()
    if data.count > 0 { try ExampleWeights.check(weights, count: data.count) }
    let weights = weights ?? [Double](repeating: 1, count: data.count)
    let width = data.features.columns + 1
    precondition(
      start.map { $0.count == width } ?? true,
      "\(start?.count ?? 0) parameters to start from, of \(width)")
    let total = weights.reduce(0, +)
    let denominator = denominator ?? total
    if data.count > 0 {
      try ModelError.check(
        denominator > 0 && denominator.isFinite, "denominator of the loss", denominator,
        "a positive number")
    }
    try self.init(
      from: start ?? [Double](repeating: 0, count: width), data, weights, denominator, settings,
      factor: nil)
  }

  private init(
    from start: [Double], _ data: TabularDataSet<Double>, _ weights: [Double],
    _ denominator: Double, _ settings: NewtonSettings, factor: Cholesky<Double>?
  ) throws {
    guard data.count > 0 else { throw ModelError.data(.noExamples) }
    guard data.classCount == 2, data.features.columns == start.count - 1 else {
      throw ModelError.dataDoNotFit(
        features: data.features.columns, classes: data.classCount, inputs: start.count - 1,
        outputs: 2)
    }
    let objective = LogisticObjective(
      data, weights: weights, denominator: denominator, penalty: settings.regularization)
    (parameters, gradientNorm) = try Newton.minimum(
      of: objective, from: start, factor: factor, settings: settings)
    self.data = data
    self.weights = weights
    self.denominator = denominator
    self.settings = settings
  }

  /// Each example's gradient of its own loss, without weight and penalty: (p − y)·x, `n × d`.
  public func gradients(of data: TabularDataSet<Double>) -> Matrix<Double> {
    var rows = data.features.appendingOnes()
    rows.scaleRows(by: zip(probabilities(of: data), data.labels).map { $0 - Double($1) })
    return rows
  }

  /// Each example's own loss, in nats.
  public func losses(of data: TabularDataSet<Double>) -> [Double] {
    LogisticObjective(data).losses(parameters)
  }

  /// The probability p of class 1 of each example.
  public func probabilities(of data: TabularDataSet<Double>) -> [Double] {
    LogisticObjective(data).probabilities(parameters)
  }

  /// The share of examples whose more likely class is their label; p = ½ counts as class 0.
  public func accuracy(on data: TabularDataSet<Double>) -> Double {
    let hits = zip(probabilities(of: data), data.labels).count { ($0 > 0.5 ? 1 : 0) == $1 }
    return Double(hits) / Double(max(1, data.count))
  }

  /// The Hessian of the regularised loss: (1/N) Σ w·p(1 − p)·x·xᵀ + αI, `d × d`.
  public func hessian() -> Matrix<Double> {
    LogisticObjective(
      data, weights: weights, denominator: denominator, penalty: settings.regularization
    ).hessian(at: parameters)
  }

  /// The model without one example, where N stays; see ``ConvexClassifier/leavingOut(_:factor:)``.
  public func leavingOut(_ row: Int, factor: Cholesky<Double>) throws -> LogisticRegression {
    try leavingOut([row], factor: factor)
  }

  /// The model without some examples, whose terms are taken away from the loss; N and α stay, so that the change
  /// is what influence predicts: θ₋S − θ ≈ H⁻¹·Σ_S w·g/N.
  ///
  /// The same as training on the others alone with α·N/Σw. To train on them with the same α, as if the rows had never
  /// been there, train with weights of 0 and the default denominator.
  ///
  /// - Parameters:
  ///   - rows: The examples, not all.
  ///   - start: Where to begin; this model's parameters unless given.
  ///   - factor: The factor of ``hessian()``, or of one near; given up where it is too far. None unless given.
  /// - Throws: ``ModelError``, where no example is left.
  /// - Complexity: nd² operations per step, and two to four steps, since training starts from these parameters.
  public func leavingOut(
    _ rows: some Sequence<Int>, from start: [Double]? = nil, factor: Cholesky<Double>? = nil
  ) throws -> LogisticRegression {
    var kept = weights
    for row in rows { kept[row] = 0 }
    guard kept.contains(where: { $0 > 0 }) else { throw ModelError.data(.noExamples) }
    return try LogisticRegression(
      from: start ?? parameters, data, kept, denominator, settings, factor: factor)
  }

  /// The model of other examples; N is the sum of their weights.
  ///
  /// See ``ConvexClassifier/retrained(on:weights:settings:factor:)``.
  public func retrained(
    on data: TabularDataSet<Double>, weights: [Double]? = nil, settings: NewtonSettings,
    factor: Cholesky<Double>? = nil
  ) throws -> LogisticRegression {
    try settings.validate()
    try ExampleWeights.check(weights, count: data.count)
    let weights = weights ?? [Double](repeating: 1, count: data.count)
    return try LogisticRegression(
      from: parameters, data, weights, weights.reduce(0, +), settings, factor: factor)
  }

  /// The logit θᵀx of class 1 of each row of features, `n × features`.
  public func logits(of features: Matrix<Double>) -> [Double] {
    let rows = features.appendingOnes()
    let vector = Matrix(rows: 1, columns: parameters.count, elements: parameters)
    return Matrix(product: vector.view, rows.transposed).elements
  }
}
