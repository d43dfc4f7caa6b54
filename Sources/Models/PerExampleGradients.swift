public import Gradients
public import LinearAlgebra

/// The exact gradient of each example's own loss by every trained parameter of a network.
///
/// One pass over a batch in matrix products gives, for each layer, the inputs x and the gradients δ
/// by its outputs. An example's gradient is then an outer product: δᵢ ⊗ xᵢ for a weight, δᵢ for a
/// bias, and for an adapter with factor s = α/r, (s·Bᵀδᵢ) ⊗ xᵢ for A and δᵢ ⊗ (s·A·xᵢ) for B.
/// No example is ever passed through the network alone.
public struct PerExampleGradients<Element: Scalar>: Sendable {
  /// The gradients of one batch.
  public struct Batch: Sendable {
    /// One matrix for each block of the layout, `n × d`, a row for each example.
    public let blocks: [Matrix<Element>]
    /// Each example's own loss, in nats; not divided by n.
    public let losses: [Double]
    /// Each example's most likely class.
    public let predictions: [Int]
  }

  /// The network that is differentiated.
  public let model: MultilayerPerceptron<Element>
  /// The names and shapes of its trained parameters, in the order of ``Batch/blocks``.
  public let layout: BlockLayout
  private let parameters: [TrainableParameter]

  /// Prepares the gradients of a network.
  public init(of model: MultilayerPerceptron<Element>) {
    self.model = model
    parameters = model.trainableParameters
    layout = model.layout
  }

  /// The gradients of some examples.
  ///
  /// - Parameters:
  ///   - data: Examples that fit the network.
  ///   - rows: Which of them; all by default.
  /// - Throws: ``ModelError/dataDoNotFit(features:classes:inputs:outputs:)``.
  /// - Complexity: about 4 operations for each example and weight, and writing n · D elements, which
  ///   takes most of the time.
  public func batch(
    of data: TabularDataSet<Element>, rows: Range<Int>? = nil
  ) throws(ModelError) -> Batch {
    try model.checkFit(data)
    return batch(of: data, checkedRows: rows ?? 0..<data.count)
  }

  /// Gives the gradients of all examples to `body`, batch by batch, in order.
  ///
  /// As many batches as there are threads are computed at the same time; what they hold does not
  /// depend on that.
  ///
  /// - Parameters:
  ///   - data: Examples that fit the network.
  ///   - batchSize: Rows of a batch, at least 1; the last may be smaller.
  ///   - body: Called with the rows of a batch, its blocks in the order of ``layout``, each
  ///     `batch × d`, and its losses in nats.
  /// - Throws: ``ModelError`` if the data do not fit; whatever `body` throws.
  public func forEachBatch(
    of data: TabularDataSet<Element>, batchSize: Int = 256,
    _ body: (_ rows: Range<Int>, _ blocks: [Matrix<Element>], _ losses: [Double]) throws -> Void
  ) throws {
    try ModelError.check(batchSize >= 1, "batch size", batchSize, "at least 1")
    try model.checkFit(data)
    let starts = Array(stride(from: 0, to: data.count, by: batchSize))
    for group in stride(from: 0, to: starts.count, by: Parallelism.threads) {
      let firsts = Array(starts[group..<min(starts.count, group + Parallelism.threads)])
      let batches = try Parallelism.map(firsts.count) { index in
        batch(of: data, checkedRows: Self.rows(from: firsts[index], batchSize, data.count))
      }
      for (first, batch) in zip(firsts, batches) {
        try body(Self.rows(from: first, batchSize, data.count), batch.blocks, batch.losses)
      }
    }
  }

  private static func rows(from first: Int, _ batchSize: Int, _ count: Int) -> Range<Int> {
    first..<min(count, first + batchSize)
  }

  private func batch(of data: TabularDataSet<Element>, checkedRows rows: Range<Int>) -> Batch {
    let features = Matrix(data.features.view[rows: rows])
    let pass = model.forwardAndBack(features, labels: data.labels[rows])
    let blocks = parameters.map { parameter -> Matrix<Element> in
      let layer = parameter.layer
      let delta = pass.deltas[layer]
      switch parameter.role {
      case .weight: return rowwiseOuterProducts(delta, pass.inputs[layer])
      case .bias: return delta
      case .down:
        guard let adapterDelta = pass.adapterDeltas[layer] else { break }
        return rowwiseOuterProducts(adapterDelta, pass.inputs[layer])
      case .up:
        guard let projection = pass.projections[layer] else { break }
        return rowwiseOuterProducts(delta, projection)
      }
      preconditionFailure("layer \(layer) has a trained adapter but no pass through it")
    }
    return Batch(
      blocks: blocks, losses: pass.losses, predictions: pass.logits.columnsOfRowMaxima())
  }
}
