public import Data
public import LinearAlgebra

extension MultilayerPerceptron {
  /// What the head reads: the last hidden layer's outputs after the activation, or the features themselves where
  /// there is no hidden layer.
  ///
  /// With these as inputs, the head alone is a softmax regression that gives the network's logits.
  ///
  /// - Parameter features: `n × inputs`.
  /// - Returns: `n × units`.
  /// - Complexity: 2n operations for each weight before the head.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public func penultimateFeatures(of features: MatrixView<Element>) -> Matrix<Element> {
    var batch = Matrix(features)
    for layer in layers.dropLast() {
      batch = activation.values(
        layer.outputs(of: batch.view, projection: layer.projection(of: batch.view)))
    }
    return batch
  }

  /// The same examples as the head sees them; see ``penultimateFeatures(of:)``.
  ///
  /// - Throws: ``ModelError`` if the data do not fit, or there are none; `DataError` if a unit overflows.
  public func penultimateFeatures(
    of data: TabularDataSet<Element>
  ) throws -> TabularDataSet<Element> {
    try checkFit(data)
    let checked = try TabularDataSet(
      features: penultimateFeatures(of: data.features.view), labels: data.labels,
      classCount: data.classCount)
    return TabularDataSet(
      checked: checked.features, labels: data.labels, classCount: data.classCount, ids: data.ids)
  }
}
