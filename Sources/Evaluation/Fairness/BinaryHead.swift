public import Data
public import LinearAlgebra
public import Models

/// The linear last step of a classifier of two classes: p = σ(wᵀx + b) is the probability of class 1.
///
/// x are the features of logistic regression, or a network's penultimate features.
public struct BinaryHead: Sendable, Equatable {
  /// The weights w, one per feature.
  public let weights: [Double]
  /// The bias b.
  public let intercept: Double

  /// Makes a head from its numbers.
  public init(weights: [Double], intercept: Double) {
    self.weights = weights
    self.intercept = intercept
  }

  /// The head that a whole logistic regression is.
  public init(_ model: LogisticRegression) {
    self.init(
      weights: Array(model.parameters.dropLast()), intercept: model.parameters.last ?? 0)
  }

  /// A network's head: softmax of two logits is σ of their difference, w = w₁ − w₀ and b = b₁ − b₀.
  ///
  /// - Throws: ``EvaluationError/notTwoClasses(_:)``.
  public init<Element: Scalar>(
    _ model: MultilayerPerceptron<Element>
  ) throws(EvaluationError) {
    let head = model.layers[model.layers.count - 1]
    guard head.outputs == 2 else { throw .notTwoClasses(head.outputs) }
    self.init(
      weights: zip(head.weight[row: 1], head.weight[row: 0]).map { Double($0) - Double($1) },
      intercept: Double(head.bias[1]) - Double(head.bias[0]))
  }

  /// The score wᵀx + b of each row.
  ///
  /// - Parameter features: `n × d`.
  public func scores(of features: Matrix<Double>) -> [Double] {
    precondition(
      features.columns == weights.count,
      "\(features.columns) features for \(weights.count) weights")
    let vector = Matrix(rows: 1, columns: weights.count, elements: weights)
    return Matrix(product: vector.view, features.transposed).elements.map { $0 + intercept }
  }

  /// The probability p of each row, from 0 to 1.
  ///
  /// - Parameter features: `n × d`.
  public func probabilities(of features: Matrix<Double>) -> [Double] {
    scores(of: features).map(Logistic.probability)
  }

  /// The class of each row: 1 where the score is positive.
  public func predictions(of features: Matrix<Double>) -> [Int] {
    scores(of: features).map { $0 > 0 ? 1 : 0 }
  }

  /// Each example's loss, log(1 + exp(−(2y − 1)(wᵀx + b))), in nats.
  public func losses(of data: TabularDataSet<Double>) -> [Double] {
    losses(scores: scores(of: data.features), labels: data.labels)
  }

  func losses(scores: [Double], labels: [Int]) -> [Double] {
    zip(scores, labels).map { Logistic.loss(logit: $0, label: $1) }
  }

  /// The share of examples that get their own class, from 0 to 1.
  ///
  /// - Throws: ``EvaluationError`` if there are none, or they are not of two classes.
  public func accuracy(on data: TabularDataSet<Double>) throws(EvaluationError) -> Double {
    try Self.check(data)
    let hits = zip(predictions(of: data.features), data.labels).count { $0 == $1 }
    return Double(hits) / Double(data.count)
  }

  static func check(_ data: TabularDataSet<Double>) throws(EvaluationError) {
    guard data.classCount == 2 else { throw .notTwoClasses(data.classCount) }
    guard data.count > 0 else { throw .tooFewValues(count: 0, needed: 1) }
  }
}
