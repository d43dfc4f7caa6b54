internal import RealModule
internal import LinearAlgebra

/// What a trained model says of m queries.
public struct RetrainingOutcome: Sendable, Equatable {
  /// Each query's loss −log p of its label, in nats.
  public let losses: [Double]
  /// Each query's margin log p/(1 − p) of its label.
  public let margins: [Double]
  /// Each query's most likely class; of several, the first.
  public let predictions: [Int]

  /// The share of queries that are predicted as labelled, from 0 to 1.
  public func accuracy(labels: [Int]) -> Double {
    Double(zip(predictions, labels).count { $0 == $1 }) / Double(predictions.count)
  }

  /// Whether each query is predicted as labelled.
  public func isCorrect(labels: [Int]) -> [Bool] { zip(predictions, labels).map { $0 == $1 } }
}

extension RetrainingOutcome {
  /// - Parameter logits: `m × classes`.
  init(losses: [Double], logits: Matrix<Double>, labels: [Int]) throws(EvaluationError) {
    self.losses = losses
    margins = labels.enumerated().map { row, label in
      let values = Array(logits[row: row])
      let others = Softmax(values.indices.filter { $0 != label }.map { values[$0] })
      return values[label] - others.largest - Double.log(others.total)
    }
    predictions = logits.columnsOfRowMaxima()
    try Ranking.requireFinite(losses, .first)
    try Ranking.requireFinite(margins, .second)
  }
}
