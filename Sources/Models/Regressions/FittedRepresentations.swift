public import Data
public import Gradients
package import LinearAlgebra

extension MultilayerPerceptron {
  /// Representations of examples, for methods that read no gradients.
  ///
  /// - Parameters:
  ///   - data: n examples.
  ///   - penalty: λ, with which a last layer is fitted anew to these representations and labels, to its
  ///     minimum, so that it is a sum of representers; none unless given.
  /// - Throws: ``ModelError``, or `FactorizationError`.
  /// - Complexity: With a penalty, n · classes · D² operations per Newton step, D = classes · (d + 1).
  public func representations(
    of data: TabularDataSet<Element>, fittingHeadWith penalty: Double? = nil
  ) throws -> Representations {
    try checkFit(data)
    let features = Matrix<Double>(converting: representations(of: data.features.view))
    guard let penalty else { return try Representations(features: features, labels: data.labels) }
    return try Representations(
      features: features, labels: data.labels, classCount: outputs, fittingHeadWith: penalty)
  }
}

extension Representations {
  /// Representations with a last layer fitted to them and their labels, to its minimum.
  ///
  /// - Parameters:
  ///   - features: `n × d`.
  ///   - labels: n classes.
  ///   - classCount: The number of classes c, of which some may have no example.
  ///   - penalty: λ.
  /// - Throws: ``ModelError``, or `FactorizationError`.
  /// - Complexity: n · D² · c operations per Newton step, D = c · (d + 1).
  package init(
    features: Matrix<Double>, labels: [Int], classCount: Int, fittingHeadWith penalty: Double
  ) throws {
    // With a gradient of ε, Θ is ε/λ from the sum of its representers; gradients are sums of features.
    let squares = features.view.squaredRowNorms()
    let size = max(1, (squares.reduce(0, +) / Double(squares.count)).squareRoot())
    let head = try SoftmaxRegression(
      trainedOn: TabularDataSet(features: features, labels: labels, classCount: classCount),
      settings: NewtonSettings(regularization: penalty, tolerance: 1e-12 * size)
    ).model
    let loss = SoftmaxCrossEntropy(logits: head.logits(of: features.view), labels: labels[...])
    let layer = head.layers[0]
    var weights = Matrix<Double>.zeros(head.outputs, features.columns + 1)
    weights.place(layer.weight, firstColumn: 0)
    for (row, bias) in layer.bias.enumerated() { weights[row, features.columns] = bias }
    try self.init(
      features: features, labels: labels,
      head: .init(weights: weights, outputGradients: loss.gradients, regularization: penalty))
  }
}
