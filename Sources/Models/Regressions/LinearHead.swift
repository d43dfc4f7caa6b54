internal import Data
public import LinearAlgebra

/// The last layer of a classifier: logits W·x + b of features x, and the class of the largest.
///
/// With one row in W there are two classes, and the class is 1 where the logit is above 0.
public struct LinearHead: Sendable, Equatable {
  /// W, `classes × d`; one row for two classes.
  public let weights: Matrix<Double>
  /// b, one number a row of W; nil where there is none.
  public let bias: [Double]?

  /// Makes a head.
  ///
  /// - Throws: ``ModelError/layerDoesNotFit(layer:reason:)`` where there is no weight, a number that is not finite, or
  ///   a bias of another length.
  public init(weights: Matrix<Double>, bias: [Double]? = nil) throws(ModelError) {
    guard weights.rows > 0, weights.columns > 0 else {
      throw .layerDoesNotFit(
        layer: 0, reason: "the weights are \(weights.rows) × \(weights.columns)")
    }
    if let bias, bias.count != weights.rows {
      throw .layerDoesNotFit(
        layer: 0, reason: "\(bias.count) biases for \(weights.rows) rows of weights")
    }
    if let index = weights.elements.firstIndex(where: { !$0.isFinite }) {
      throw .layerDoesNotFit(
        layer: 0,
        reason:
          "the weight in row \(index / weights.columns), column \(index % weights.columns) is \(weights.elements[index])"
      )
    }
    if let index = bias?.firstIndex(where: { !$0.isFinite }) {
      throw .layerDoesNotFit(layer: 0, reason: "bias \(index) is not finite")
    }
    self.weights = weights
    self.bias = bias
  }

  /// The class of each row; of equal logits, the lower class.
  ///
  /// - Parameter features: `n × d`.
  public func classes(of features: Matrix<Double>) -> [Int] {
    precondition(features.columns == weights.columns, "features of \(features.columns) numbers")
    var logits = Matrix(product: features.view, weights.transposed)
    if let bias {
      for row in 0..<logits.rows {
        for column in 0..<logits.columns { logits[row, column] += bias[column] }
      }
    }
    return (0..<logits.rows).map { Self.classOf(logits[row: $0]) }
  }

  package static func classOf(_ logits: ArraySlice<Double>) -> Int {
    if logits.count == 1 { return logits[logits.startIndex] > 0 ? 1 : 0 }
    var best = logits.startIndex
    for index in logits.indices where logits[index] > logits[best] { best = index }
    return best - logits.startIndex
  }
}
