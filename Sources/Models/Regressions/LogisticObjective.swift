internal import Data
internal import LinearAlgebra

/// The loss of logistic regression: (1/N) Σ wᵢ·ℓᵢ(θ) + (α/2)·‖θ‖².
struct LogisticObjective: ConvexObjective {
  private let rows: Matrix<Double>
  private let labels: [Int]
  /// wᵢ/N.
  private let shares: [Double]
  private let penalty: Double

  init(
    _ data: TabularDataSet<Double>, weights: [Double]? = nil, denominator: Double = 1,
    penalty: Double = 0
  ) {
    rows = data.features.appendingOnes()
    labels = data.labels
    shares = (weights ?? [Double](repeating: 1, count: data.count)).map { $0 / denominator }
    self.penalty = penalty
  }

  private func logits(_ parameters: [Double]) -> [Double] {
    let vector = Matrix(rows: 1, columns: parameters.count, elements: parameters)
    return Matrix(product: vector.view, rows.transposed).elements
  }

  func probabilities(_ parameters: [Double]) -> [Double] {
    logits(parameters).map(Logistic.probability)
  }

  /// Each example's own loss, without weight.
  func losses(_ parameters: [Double]) -> [Double] {
    zip(logits(parameters), labels).map { Logistic.loss(logit: $0, label: $1) }
  }

  func value(at parameters: [Double]) -> Double {
    zip(losses(parameters), shares).reduce(0) { $0 + $1.0 * $1.1 }
      + penalty / 2 * parameters.reduce(0) { $0 + $1 * $1 }
  }

  func gradient(at parameters: [Double]) -> [Double] {
    let errors = zip(probabilities(parameters), labels).map { $0 - Double($1) }
    let weighted = zip(errors, shares).map { $0 * $1 }
    let sum = Matrix(
      product: Matrix(rows: 1, columns: weighted.count, elements: weighted).view, rows.view)
    return zip(sum.elements, parameters).map { $0 + penalty * $1 }
  }

  func hessian(at parameters: [Double]) -> Matrix<Double> {
    var scaled = rows
    scaled.scaleRows(
      by: zip(probabilities(parameters), shares).map { ($0 * (1 - $0) * $1).squareRoot() })
    var sum = SymmetricAccumulator(order: rows.columns)
    sum.add(gramOf: scaled.transposed)
    var hessian = sum.matrix()
    hessian.addToDiagonal(penalty)
    return hessian
  }
}
