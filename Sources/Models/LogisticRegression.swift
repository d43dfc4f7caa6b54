public import LinearAlgebra
internal import RealModule

/// Logistic regression at the minimum of its regularised loss, for two classes.
///
///     mean log(1 + exp(−(2y − 1)·θᵀx)) + (α/2)·‖θ‖²
///
/// x ends with a 1, whose parameter is the intercept; it is penalised like the others, so that the
/// Hessian is positive definite whatever the data.
public struct LogisticRegression: Sendable {
  /// θ, features + 1 numbers.
  public let parameters: [Double]
  /// What it was trained on.
  public let data: TabularDataSet<Double>
  /// How it was trained.
  public let settings: NewtonSettings
  /// ‖∇‖ where training ended.
  public let gradientNorm: Double

  /// Trains on a data set of two classes.
  ///
  /// - Throws: ``ModelError``, among them ``ModelError/notConverged(steps:gradientNorm:tolerance:)``.
  /// - Complexity: nd² + d³/3 operations a step.
  public init(trainedOn data: TabularDataSet<Double>, settings: NewtonSettings) throws {
    try settings.validate()
    try self.init(
      from: [Double](repeating: 0, count: data.features.columns + 1), data, settings, factor: nil)
  }

  private init(
    from start: [Double], _ data: TabularDataSet<Double>, _ settings: NewtonSettings,
    factor: Cholesky<Double>?
  ) throws {
    guard data.count > 0 else { throw ModelError.noExamples }
    guard data.classCount == 2 else {
      throw ModelError.dataDoNotFit(
        features: data.features.columns, classes: data.classCount, inputs: start.count - 1,
        outputs: 2)
    }
    (parameters, gradientNorm) = try Newton.minimum(
      of: Objective(data, penalty: settings.regularization), from: start, factor: factor,
      settings: settings)
    self.data = data
    self.settings = settings
  }

  /// Each example's gradient of its own loss, without the penalty: (p − y)·x, `n × d`.
  public func gradients(of data: TabularDataSet<Double>) -> Matrix<Double> {
    let objective = Objective(data, penalty: 0)
    var rows = objective.rows
    rows.scaleRows(
      by: zip(objective.probabilities(parameters), data.labels).map { $0 - Double($1) })
    return rows
  }

  /// The probability of class 1 of each example.
  public func probabilities(of data: TabularDataSet<Double>) -> [Double] {
    Objective(data, penalty: 0).probabilities(parameters)
  }

  /// Each example's own loss, in nats.
  public func losses(of data: TabularDataSet<Double>) -> [Double] {
    Objective(data, penalty: 0).losses(parameters)
  }

  /// The Hessian of the regularised mean loss: (1/n) Σ p(1 − p)·x·xᵀ + αI, `d × d`.
  public func hessian() -> Matrix<Double> {
    Objective(data, penalty: settings.regularization).hessian(at: parameters)
  }

  /// The model without one example, whose loss's weight 1/n is taken away.
  ///
  /// - Parameters:
  ///   - row: The example.
  ///   - factor: The factor of ``hessian()``.
  public func leavingOut(_ row: Int, factor: Cholesky<Double>) throws -> LogisticRegression {
    try leavingOut([row], factor: factor)
  }

  /// The model without some examples, each of whose losses' weight 1/n is taken away.
  ///
  /// - Parameters:
  ///   - rows: The examples, not all.
  ///   - start: Where to begin; this model's parameters unless given.
  ///   - factor: The factor of ``hessian()``, or of one near; given up where it is too far.
  /// - Throws: ``ModelError``, among them ``ModelError/noExamples``.
  public func leavingOut(
    _ rows: [Int], from start: [Double]? = nil, factor: Cholesky<Double>
  ) throws -> LogisticRegression {
    let removed = Set(rows)
    let kept = data.selecting((0..<data.count).filter { !removed.contains($0) })
    var settings = settings
    settings.regularization *= Double(data.count) / Double(max(1, kept.count))
    return try LogisticRegression(from: start ?? parameters, kept, settings, factor: factor)
  }

  private struct Objective: ConvexObjective {
    let rows: Matrix<Double>
    let labels: [Int]
    let penalty: Double

    init(_ data: TabularDataSet<Double>, penalty: Double) {
      let width = data.features.columns
      var rows = Matrix<Double>(repeating: 1, rows: data.count, columns: width + 1)
      rows.place(data.features, firstColumn: 0)
      self.rows = rows
      labels = data.labels
      self.penalty = penalty
    }

    private func logits(_ parameters: [Double]) -> [Double] {
      let vector = Matrix(rows: 1, columns: parameters.count, elements: parameters)
      return Matrix(product: vector.view, rows.transposed).elements
    }

    func probabilities(_ parameters: [Double]) -> [Double] {
      logits(parameters).map {
        $0 >= 0 ? 1 / (1 + Double.exp(-$0)) : Double.exp($0) / (1 + Double.exp($0))
      }
    }

    func losses(_ parameters: [Double]) -> [Double] {
      zip(logits(parameters), labels).map { logit, label in
        let margin = label == 1 ? logit : -logit
        return margin >= 0
          ? Double.log(onePlus: Double.exp(-margin))
          : Double.log(onePlus: Double.exp(margin)) - margin
      }
    }

    func value(at parameters: [Double]) -> Double {
      losses(parameters).reduce(0, +) / Double(labels.count)
        + penalty / 2 * parameters.reduce(0) { $0 + $1 * $1 }
    }

    func gradient(at parameters: [Double]) -> [Double] {
      let errors = zip(probabilities(parameters), labels).map {
        ($0 - Double($1)) / Double(labels.count)
      }
      let sum = Matrix(
        product: Matrix(rows: 1, columns: errors.count, elements: errors).view, rows.view)
      return zip(sum.elements, parameters).map { $0 + penalty * $1 }
    }

    func hessian(at parameters: [Double]) -> Matrix<Double> {
      var scaled = rows
      scaled.scaleRows(
        by: probabilities(parameters).map { ($0 * (1 - $0) / Double(labels.count)).squareRoot() })
      var sum = SymmetricAccumulator(order: rows.columns)
      sum.add(gramOf: scaled.transposed)
      var hessian = sum.matrix()
      hessian.addToDiagonal(penalty)
      return hessian
    }
  }
}
