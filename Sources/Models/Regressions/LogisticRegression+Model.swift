import Algorithms
public import Data
public import Gradients
public import LinearAlgebra

extension LogisticRegression: ConvexClassifier {
  /// `logistic`.
  public static var name: String { "logistic" }

  /// One block, `weight`, of one output: `1 × d`, the intercept last.
  public var layout: BlockLayout { BlockLayout([("weight", [1, parameters.count])]) }

  /// 0 and θᵀx, the logits of both classes, `n × 2`.
  public func logits(of features: MatrixView<Double>) -> Matrix<Double> {
    Matrix(
      rows: features.rows, columns: 2,
      elements: logits(of: Matrix(features)).flatMap { (logit: Double) in [0, logit] })
  }

  /// (p − y)·x of each example; those of the margin are (2y − 1)·x.
  public func forEachGradientBatch(
    of examples: TabularDataSet<Double>, target: GradientTarget, batchSize: Int,
    _ body: (_ rows: Range<Int>, _ blocks: [Matrix<Double>], _ losses: [Double]) throws -> Void
  ) throws {
    let losses = losses(of: examples)
    var gradients: Matrix<Double>
    switch target {
    case .loss: gradients = self.gradients(of: examples)
    case .margin:
      gradients = examples.features.appendingOnes()
      gradients.scaleRows(by: examples.labels.map { Double(2 * $0 - 1) })
    }
    for rows in (0..<examples.count).chunks(ofCount: batchSize) {
      try body(rows, [Matrix(gradients.view[rows: rows])], Array(losses[rows]))
    }
  }

  /// The factors of one output: A = mean x·xᵀ, S = mean s and Λ = mean s·(Q·x)², where s is (p − y)² of the
  /// data's labels, or p(1 − p), its expectation over the model's labels, which needs no drawing.
  ///
  /// - Throws: `FactorizationError`.
  public func kroneckerFactors(
    over examples: TabularDataSet<Double>, labels: FisherLabels
  ) throws -> [(block: String, factors: KroneckerFactors)] {
    let rows = examples.features.appendingOnes()
    let share = 1 / Double(examples.count)
    var activations = Matrix(product: rows.transposed, rows.view)
    activations.scale(by: share)
    // The gradient's last column is that of the intercept, p − y.
    let gradients = gradients(of: examples)
    let spreads = examples.labels.indices.map { row in
      let error = gradients[row, gradients.columns - 1]
      let p = error + Double(examples.labels[row])
      return labels == .empirical ? error * error : p * (1 - p)
    }
    let basis = try SymmetricEigendecomposition(decomposing: activations).vectors
    let turned = Matrix(product: rows.view, basis.transposed)
    var moments = Matrix<Double>.zeros(1, basis.rows)
    for row in 0..<turned.rows {
      for column in 0..<turned.columns {
        moments[0, column] += share * spreads[row] * turned[row, column] * turned[row, column]
      }
    }
    let spread = Matrix(rows: 1, columns: 1, elements: [share * spreads.reduce(0, +)])
    let factors = KroneckerFactors(
      activations: activations, outputGradients: spread, activationBasis: basis,
      outputBasis: .identity(1), eigenvalues: moments)
    return [("weight", factors)]
  }

  /// mean p(1 − p)·x·xᵀ.
  public func hessian(over examples: TabularDataSet<Double>) -> Matrix<Double> {
    LogisticObjective(examples, denominator: Double(examples.count)).hessian(at: parameters)
  }

  /// The Hessian itself: the logit is linear in the parameters.
  public func gaussNewton(over examples: TabularDataSet<Double>) -> Matrix<Double> {
    hessian(over: examples)
  }
}
