public import LinearAlgebra

extension MultilayerPerceptron {
  /// The number of features that the last layer reads.
  public var lastLayerInputs: Int { layers[layers.count - 1].inputs }

  /// What the last layer reads of a batch: the features themselves of a network of one layer.
  ///
  /// - Parameter features: `n × inputs`.
  /// - Returns: `n × d`, d the last layer's inputs.
  /// - Complexity: 2n operations for each weight.
  public func representations(of features: MatrixView<Element>) -> Matrix<Element> {
    forward(Matrix(features)).inputs.last ?? Matrix(features)
  }
}
