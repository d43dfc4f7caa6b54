internal import Data
public import LinearAlgebra
internal import RealModule

/// What a model says of examples with a class each.
public struct ClassAnswers: Sendable, Equatable {
  /// The class of each example, as labelled.
  public let labels: [Int]
  /// Each example's most likely class; of several, the first.
  public let predictions: [Int]
  /// Each example's margin log p/(1 − p) of its label.
  public let margins: [Double]

  /// The answers of logits.
  ///
  /// - Parameters:
  ///   - logits: `n × classes`.
  ///   - labels: n classes.
  public init<Element: Scalar>(logits: Matrix<Element>, labels: [Int]) {
    self.labels = labels
    predictions = logits.columnsOfRowMaxima()
    margins = labels.enumerated().map { row, label in
      let values = logits[row: row].map { Double($0) }
      let others = Softmax(values.indices.filter { $0 != label }.map { values[$0] })
      return values[label] - others.largest - Double.log(others.total)
    }
  }

  /// Whether each example is predicted as labelled.
  public var isCorrect: [Bool] { zip(predictions, labels).map { $0 == $1 } }

  /// The share of examples that are predicted as labelled, from 0 to 1.
  public var accuracy: Double { Double(isCorrect.count { $0 }) / Double(labels.count) }
}
