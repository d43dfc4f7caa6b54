internal import Models

/// What a trained model says of m queries.
public struct RetrainingOutcome: Sendable, Equatable {
  /// Each query's loss −log p of its label, in nats.
  public let losses: [Double]
  /// Each query's margin log p/(1 − p) of its label; none of models without classes.
  public let margins: [Double]
  /// Each query's most likely class, the first of several; none of models without classes.
  public let predictions: [Int]

  /// The share of queries that are predicted as labelled, from 0 to 1.
  public func accuracy(labels: [Int]) -> Double {
    Double(zip(predictions, labels).count { $0 == $1 }) / Double(predictions.count)
  }

  /// Whether each query is predicted as labelled.
  public func isCorrect(labels: [Int]) -> [Bool] { zip(predictions, labels).map { $0 == $1 } }
}

extension RetrainingOutcome {
  init(losses: [Double], answers: ClassAnswers?) throws(EvaluationError) {
    self.init(
      losses: losses, margins: answers?.margins ?? [], predictions: answers?.predictions ?? [])
    try Ranking.requireFinite(losses, .first)
    try Ranking.requireFinite(margins, .second)
  }
}
