public import Data
public import Gradients
internal import LinearAlgebra

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
    // With a gradient of ε, Θ is ε/λ from the sum of its representers; gradients are sums of features.
    let squares = features.view.squaredRowNorms()
    let size = max(1, (squares.reduce(0, +) / Double(squares.count)).squareRoot())
    let head = try SoftmaxRegression(
      trainedOn: TabularDataSet(features: features, labels: data.labels, classCount: outputs),
      settings: NewtonSettings(regularization: penalty, tolerance: 1e-12 * size)
    ).model
    let loss = SoftmaxCrossEntropy(logits: head.logits(of: features.view), labels: data.labels[...])
    let layer = head.layers[0]
    var weights = Matrix<Double>.zeros(head.outputs, features.columns + 1)
    weights.place(layer.weight, firstColumn: 0)
    for (row, bias) in layer.bias.enumerated() { weights[row, features.columns] = bias }
    return try Representations(
      features: features, labels: data.labels,
      head: .init(weights: weights, outputGradients: loss.gradients, regularization: penalty))
  }
}
