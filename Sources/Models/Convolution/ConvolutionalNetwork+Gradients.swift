internal import Algorithms
internal import Data
internal import Gradients
internal import LinearAlgebra

extension ConvolutionalNetwork {
  /// Sums each parameter's gradient over a batch, in the order of ``layout``.
  func gradientSums(of pass: ConvolutionPass<Element>) -> [[Element]] {
    zip(pass.deltas, pass.inputs).flatMap { delta, inputs in
      [Matrix(product: delta.transposed, inputs.view).elements, delta.columnSums()]
    }
  }

  /// Each example's gradient by the parameters of some layers: over the places t of a convolution, Σ δₜ·xₜᵀ for its
  /// weights and Σ δₜ for its biases.
  ///
  /// - Parameters:
  ///   - pass: A pass forward, and back at least to `first`.
  ///   - first: The first layer whose parameters count.
  /// - Returns: A matrix for each parameter, `n × d`.
  func exampleGradients(
    of pass: ConvolutionPass<Element>, fromLayer first: Int
  ) -> [Matrix<Element>] {
    let count = pass.logits.rows
    return layers.indices.dropFirst(first).flatMap { index -> [Matrix<Element>] in
      let (delta, inputs) = (pass.deltas[index], pass.inputs[index])
      var weights: [Element] = []
      weights.reserveCapacity(count * delta.columns * inputs.columns)
      var biases: [Element] = []
      for example in 0..<count {
        let rows = pass.rows(example, of: index)
        let own = delta.view[rows: rows]
        weights += Matrix(product: own.transposed, inputs.view[rows: rows]).elements
        biases += Matrix(own).columnSums()
      }
      return [
        Matrix(rows: count, columns: delta.columns * inputs.columns, elements: weights),
        Matrix(rows: count, columns: delta.columns, elements: biases),
      ]
    }
  }

  /// The gradient of the mean loss by all parameters, in the order of ``layout``.
  func meanGradient(
    of data: TabularDataSet<Element>, labels: [Int]? = nil
  ) -> [Double] {
    var sum: [Double] = []
    let labels = labels ?? data.labels
    for rows in (0..<data.count).chunks(ofCount: Self.batchSize) {
      let pass = forwardAndBack(Matrix(data.features.view[rows: rows]), labels: labels[rows])
      let part = gradientSums(of: pass).flatMap { $0.map { Double($0) } }
      sum = sum.isEmpty ? part : zip(sum, part).map { $0 + $1 }
    }
    return sum.map { $0 / Double(data.count) }
  }

  /// Gives each example's gradient by the parameters of some layers to `body`, batch by batch, in order.
  ///
  /// - Parameters:
  ///   - data: Examples that fit the network.
  ///   - labels: Instead of the data's own.
  ///   - target: What is differentiated.
  ///   - lastLayers: How many layers, counted from the head; all if nil.
  ///   - batchSize: The most rows that `body` is called with, at least 1.
  ///   - body: Called with the rows of a batch, its blocks in the order of the layout, each `batch × d`, and its losses.
  /// - Throws: ``ModelError`` if the data do not fit; whatever `body` throws.
  /// - Complexity: About 6 operations for each example, place and weight.
  func forEachGradientBatch(
    of data: TabularDataSet<Element>, labels: [Int]? = nil, target: GradientTarget = .loss,
    lastLayers: Int? = nil, batchSize: Int,
    _ body: (_ rows: Range<Int>, _ blocks: [Matrix<Element>], _ losses: [Double]) throws -> Void
  ) throws {
    try ModelError.check(batchSize >= 1, "batch size", batchSize, "at least 1")
    try checkFit(data)
    let labels = labels ?? data.labels
    let first = firstLayer(lastLayers)
    let widths = layout(lastLayers: lastLayers).blocks.map(\.width)
    for rows in (0..<data.count).chunks(ofCount: min(batchSize, data.count)) {
      let parts = Array(rows.chunks(ofCount: Self.batchSize))
      let made = try Parallelism.map(parts.count) { index in
        let pass = forwardAndBack(
          Matrix(data.features.view[rows: parts[index]]), labels: labels[parts[index]],
          target: target, downTo: first)
        return (losses: pass.losses, blocks: exampleGradients(of: pass, fromLayer: first))
      }
      var blocks = widths.map { Matrix<Element>.zeros(rows.count, $0) }
      for (part, gradients) in zip(parts, made) {
        for (index, block) in gradients.blocks.enumerated() {
          blocks[index].place(
            block.view, firstRow: part.lowerBound - rows.lowerBound, firstColumn: 0)
        }
      }
      try body(rows, blocks, made.flatMap(\.losses))
    }
  }
}
