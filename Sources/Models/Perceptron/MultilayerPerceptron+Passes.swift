internal import Algorithms
public import Data
public import LinearAlgebra
internal import RealModule

/// What a batch leaves behind on its way through a network and back: all that any gradient needs.
struct NetworkPass<Element: Scalar> {
  /// What each layer read, `n × inputs`.
  var inputs: [Matrix<Element>] = []
  /// What each activation gave before dropout, and what dropout multiplied it by; nil without dropout.
  var dropped: [(outputs: Matrix<Element>, factors: Matrix<Element>)?] = []
  /// What each layer's adapter made of it, (α/r)·x·Aᵀ, `n × rank`.
  var projections: [Matrix<Element>?] = []
  /// The head's outputs, `n × classes`.
  var logits: Matrix<Element>
  /// The gradient of each example's loss by each layer's outputs before the activation.
  var deltas: [Matrix<Element>] = []
  /// The gradient by each adapter's inner coordinates A·x, (α/r)·δ·B, `n × rank`.
  var adapterDeltas: [Matrix<Element>?] = []
  /// Each example's own loss, in nats.
  var losses: [Double] = []

  /// What the gradients by a trained tensor are made of: an example's is the outer product of its rows of both, or,
  /// of a bias, which has no inputs, its row of the first.
  func factors(
    of parameter: TrainableParameter
  ) -> (gradients: Matrix<Element>, inputs: Matrix<Element>?) {
    let layer = parameter.layer
    switch parameter.role {
    case .weight: return (deltas[layer], inputs[layer])
    case .bias: return (deltas[layer], nil)
    case .down: if let delta = adapterDeltas[layer] { return (delta, inputs[layer]) }
    case .up: if let projection = projections[layer] { return (deltas[layer], projection) }
    }
    preconditionFailure("\(parameter.name): its layer has no adapter")
  }
}

extension MultilayerPerceptron {
  /// Rows whose intermediate results stay in cache.
  private static var batchSize: Int { 512 }

  /// The logits of a batch.
  ///
  /// - Parameter features: `n × inputs`.
  /// - Returns: `n × classes`.
  /// - Complexity: 2n operations for each weight.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public func logits(of features: MatrixView<Element>) -> Matrix<Element> {
    forward(Matrix(features)).logits
  }

  /// Each example's own loss: the softmax cross-entropy in nats, log Σₖ exp(zₖ) − z_y.
  ///
  /// - Throws: ``ModelError`` if the data do not fit, or there are none.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public func losses(of data: TabularDataSet<Element>) throws(ModelError) -> [Double] {
    try checkFit(data)
    return (0..<data.count).chunks(ofCount: Self.batchSize).flatMap { rows in
      let logits = logits(of: data.features.view[rows: rows])
      return SoftmaxCrossEntropy(logits: logits, labels: data.labels[rows]).losses
    }
  }

  /// The most likely class of each row.
  ///
  /// - Parameter features: `n × inputs`.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  public func predictions(for features: MatrixView<Element>) -> [Int] {
    (0..<features.rows).chunks(ofCount: Self.batchSize).flatMap { rows in
      logits(of: features[rows: rows]).columnsOfRowMaxima()
    }
  }

  /// The probability p of each example's own class, from 0 to 1.
  ///
  /// - Throws: ``ModelError`` if the data do not fit, or there are none.
  public func labelProbabilities(
    of data: TabularDataSet<Element>
  ) throws(ModelError) -> [Double] {
    try losses(of: data).map { Double.exp(-$0) }
  }

  /// The share of examples whose most likely class is their label, from 0 to 1.
  ///
  /// - Throws: ``ModelError`` if the data do not fit, or there are none.
  public func accuracy(on data: TabularDataSet<Element>) throws(ModelError) -> Double {
    try checkFit(data)
    let hits = zip(predictions(for: data.features.view), data.labels).count { $0 == $1 }
    return Double(hits) / Double(data.count)
  }

  /// Runs a batch through the network, and keeps what the way back needs.
  ///
  /// - Parameters:
  ///   - features: `n × inputs`.
  ///   - dropout: Which hidden units are silent, if any.
  ///   - firstRow: The number of the first example, which decides its masks.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  func forward(
    _ features: Matrix<Element>, dropout: Dropout? = nil, firstRow: Int = 0
  ) -> NetworkPass<Element> {
    var pass = NetworkPass(logits: features)
    for (index, layer) in layers.enumerated() {
      let batch = pass.logits
      let projection = layer.projection(of: batch.view)
      let outputs = layer.outputs(of: batch.view, projection: projection)
      pass.inputs.append(batch)
      pass.projections.append(projection)
      guard index < layers.count - 1 else {
        pass.logits = outputs
        break
      }
      pass.logits = activation.values(outputs)
      guard let dropout, dropout.rate > 0 else {
        pass.dropped.append(nil)
        continue
      }
      let factors: Matrix<Element> = dropout.factors(
        rows: firstRow..<firstRow + outputs.rows, units: outputs.columns, layer: index)
      pass.dropped.append((pass.logits, factors))
      pass.logits.multiply(by: factors)
    }
    return pass
  }

  /// Runs a batch through the network and each example's own loss back.
  ///
  /// - Parameters:
  ///   - features: `n × inputs`.
  ///   - labels: n classes.
  ///   - target: What is differentiated.
  ///   - dropout: Which hidden units are silent, if any.
  ///   - firstRow: The number of the first example, which decides its masks.
  ///   - weights: What each example's gradient is multiplied by; its loss is not.
  ///   - lastLayer: The layer where the way back ends; see ``back(_:from:downTo:)``.
  /// - Complexity: about 4n operations for each weight, all in matrix products.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  func forwardAndBack(
    _ features: Matrix<Element>, labels: ArraySlice<Int>, target: GradientTarget = .loss,
    dropout: Dropout? = nil, firstRow: Int = 0, weights: [Double]? = nil, downTo lastLayer: Int = 0
  ) -> NetworkPass<Element> {
    var pass = forward(features, dropout: dropout, firstRow: firstRow)
    let loss = SoftmaxCrossEntropy(logits: pass.logits, labels: labels)
    pass.losses = loss.losses
    var delta =
      target == .loss
      ? loss.gradients : Margin.gradients(logits: pass.logits, labels: labels)
    if let weights { delta.scaleRows(by: weights.map { Element($0) }) }
    back(&pass, from: delta, downTo: lastLayer)
    return pass
  }

  /// Runs gradients by the logits back through the network.
  ///
  /// - Parameters:
  ///   - pass: A pass forward; receives the gradients by each layer's outputs.
  ///   - gradients: By the logits, `n × classes`.
  ///   - lastLayer: The layer where the way ends; the gradients by those before it are left empty.
  @specialized(where Element == Float)
  @specialized(where Element == Double)
  func back(
    _ pass: inout NetworkPass<Element>, from gradients: Matrix<Element>, downTo lastLayer: Int = 0
  ) {
    pass.deltas = []
    pass.adapterDeltas = []
    var delta = gradients
    for (index, layer) in layers.enumerated().reversed() {
      var adapterDelta: Matrix<Element>?
      if let adapter = layer.adapter {
        var product = Matrix<Element>.zeros(delta.rows, adapter.rank)
        product.set(product: delta.view, adapter.up.view, scale: adapter.scale)
        adapterDelta = product
      }
      pass.deltas.append(delta)
      pass.adapterDeltas.append(adapterDelta)
      guard index > lastLayer else { break }
      var upstream = Matrix(product: delta.view, layer.weight.view)
      if let adapter = layer.adapter, let adapterDelta {
        upstream.add(product: adapterDelta.view, adapter.down.view)
      }
      // The activation before layer `index` belongs to layer `index` − 1.
      if let dropped = pass.dropped[index - 1] {
        upstream.multiply(by: dropped.factors)
        delta = activation.inputGradients(from: upstream, outputs: dropped.outputs)
      } else {
        delta = activation.inputGradients(from: upstream, outputs: pass.inputs[index])
      }
    }
    for _ in 0..<lastLayer {
      pass.deltas.append(.zeros(0, 0))
      pass.adapterDeltas.append(nil)
    }
    pass.deltas.reverse()
    pass.adapterDeltas.reverse()
  }
}
