public import Data
internal import LinearAlgebra

extension MultilayerPerceptron {
  /// The gradient of the total loss of a data set: the sum over its examples.
  ///
  /// - Returns: One array for each trained parameter, in the order of ``layout``; and the sum of the
  ///   examples' losses in nats.
  /// - Throws: ``ModelError`` if the data do not fit, or there are none.
  /// - Complexity: about 6n operations for each weight, all in matrix products; keeps all
  ///   intermediate results of the n examples.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public func totalGradient(
    over data: TabularDataSet<Element>
  ) throws(ModelError) -> (gradient: [[Element]], loss: Double) {
    try checkFit(data)
    let pass = forwardAndBack(data.features, labels: data.labels[...])
    return (gradientSums(of: pass), pass.losses.reduce(0, +))
  }

  /// Sums each trained parameter's gradient over the batch: δᵀ·x for a weight.
  func gradientSums(of pass: NetworkPass<Element>) -> [[Element]] {
    trainableParameters.map { parameter in
      let (gradients, inputs) = pass.factors(of: parameter)
      guard let inputs else { return gradients.columnSums() }
      return Matrix(product: gradients.transposed, inputs.view).elements
    }
  }
}

extension Matrix {
  /// The sum of all rows.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  func columnSums() -> [Element] {
    var sums = [Element](repeating: 0, count: columns)
    for row in 0..<rows {
      for column in 0..<columns { sums[column] += elements[row * columns + column] }
    }
    return sums
  }
}

extension MultilayerPerceptron {
  /// Each example's gradient by every trained parameter, from what a pass left behind.
  ///
  /// - Parameters:
  ///   - blocks: Become one array for each parameter, `n × d` row by row; their memory is used again.
  ///   - pass: A pass forward and back.
  ///   - firstLayer: The first layer whose parameters count.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  func fillGradients(
    _ blocks: inout [[Element]], of pass: NetworkPass<Element>, fromLayer firstLayer: Int
  ) {
    let parameters = trainableParameters.filter { $0.layer >= firstLayer }
    if blocks.isEmpty { blocks = Array(repeating: [], count: parameters.count) }
    for (index, parameter) in parameters.enumerated() {
      let (gradients, inputs) = pass.factors(of: parameter)
      if let inputs {
        fillOuterProducts(&blocks[index], gradients, inputs)
      } else {
        blocks[index] = gradients.elements
      }
    }
  }
}
