internal import Algorithms
public import Data
public import LinearAlgebra

/// What a batch of images leaves behind on its way through a network and back.
struct ConvolutionPass<Element: Scalar> {
  /// What each layer read: patches, `n · places × 9 · channels`, and the head's `n × features`.
  var inputs: [Matrix<Element>] = []
  /// The positive parts that each convolution made, `n · places × filters`.
  var positives: [Matrix<Element>] = []
  /// The head's outputs, `n × classes`.
  var logits: Matrix<Element>
  /// The gradient by what each layer made, before its positive part, in the order of ``inputs``; empty below the
  /// layer where the way back ends.
  var deltas: [Matrix<Element>] = []
  /// Each example's own loss, in nats.
  var losses: [Double] = []

  /// The rows of an example in a layer's inputs and deltas.
  func rows(_ example: Int, of layer: Int) -> Range<Int> {
    let each = inputs[layer].rows / logits.rows
    return example * each..<(example + 1) * each
  }
}

extension ConvolutionalNetwork {
  /// Images whose patches stay in cache.
  static var batchSize: Int { 32 }

  /// The logits of rows of features, `n × classes`.
  ///
  /// - Parameter features: `n × channels · height · width`.
  public func logits(of features: MatrixView<Element>) -> Matrix<Element> {
    var logits = Matrix<Element>.zeros(features.rows, outputs)
    for rows in (0..<features.rows).chunks(ofCount: Self.batchSize) {
      let part = forward(Matrix(features[rows: rows])).logits
      logits.place(part.view, firstRow: rows.lowerBound, firstColumn: 0)
    }
    return logits
  }

  /// Each example's own loss: the softmax cross-entropy in nats.
  ///
  /// - Throws: ``ModelError`` if the data do not fit, or there are none.
  public func losses(of data: TabularDataSet<Element>) throws(ModelError) -> [Double] {
    try checkFit(data)
    return SoftmaxCrossEntropy(
      logits: logits(of: data.features.view), labels: data.labels[...]
    ).losses
  }

  /// Runs a batch through the network, and keeps what the way back needs.
  func forward(_ features: Matrix<Element>) -> ConvolutionPass<Element> {
    var pass = ConvolutionPass(logits: features)
    var x = ImageRows.places(of: features, image)
    for (index, (layer, shape)) in zip(layers, shapes).enumerated() {
      let patches = ImageRows.patches(of: x, shape)
      let positive = Activation.relu.values(layer.outputs(of: patches.view, projection: nil))
      pass.inputs.append(patches)
      pass.positives.append(positive)
      x = ImageRows.means(
        of: positive, shape.filtered(layer.outputs, pooling: 1), size: pooling(after: index))
    }
    // Place by place, all channels of a place together.
    let head = layers[layers.count - 1]
    let read = Matrix(rows: features.rows, columns: head.inputs, elements: x.elements)
    pass.inputs.append(read)
    pass.logits = head.outputs(of: read.view, projection: nil)
    return pass
  }

  /// Runs a batch through the network and each example's own loss back.
  ///
  /// - Parameters:
  ///   - features: `n × channels · height · width`.
  ///   - labels: n classes.
  ///   - target: What is differentiated.
  ///   - weights: What each example's gradient is multiplied by; its loss is not.
  ///   - lastLayer: The layer where the way back ends.
  func forwardAndBack(
    _ features: Matrix<Element>, labels: ArraySlice<Int>, target: GradientTarget = .loss,
    weights: [Double]? = nil, downTo lastLayer: Int = 0
  ) -> ConvolutionPass<Element> {
    var pass = forward(features)
    let loss = SoftmaxCrossEntropy(logits: pass.logits, labels: labels)
    pass.losses = loss.losses
    var delta =
      target == .loss
      ? loss.gradients : Margin.gradients(logits: pass.logits, labels: labels)
    if let weights { delta.scaleRows(by: weights.map { Element($0) }) }
    pass.deltas = [delta]
    for index in stride(from: layers.count - 2, through: lastLayer, by: -1) {
      let shape = shapes[index].filtered(layers[index].outputs, pooling: 1)
      // By what the layer above read, and so by the means that this one made.
      var below = Matrix(product: delta.view, layers[index + 1].weight.view)
      if index == layers.count - 2 {
        below = Matrix(
          rows: below.elements.count / shape.channels, columns: shape.channels,
          elements: below.elements)
      } else {
        below = ImageRows.sums(ofPatches: below, shapes[index + 1])
      }
      let spread = ImageRows.spread(means: below, shape, size: pooling(after: index))
      delta = Activation.relu.inputGradients(from: spread, outputs: pass.positives[index])
      pass.deltas.append(delta)
    }
    for _ in 0..<lastLayer { pass.deltas.append(.zeros(0, 0)) }
    pass.deltas.reverse()
    return pass
  }
}
