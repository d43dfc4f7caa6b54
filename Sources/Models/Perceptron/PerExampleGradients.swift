internal import Algorithms
public import Data
public import Gradients
public import LinearAlgebra

/// The exact gradient of each example's own loss by every trained parameter of a network, or of its last layers.
///
/// One pass over a batch in matrix products gives, for each layer, the inputs x and the gradients δ
/// by its outputs. An example's gradient is then an outer product: δᵢ ⊗ xᵢ for a weight, δᵢ for a
/// bias, and for an adapter with factor s = α/r, (s·Bᵀδᵢ) ⊗ xᵢ for A and δᵢ ⊗ (s·A·xᵢ) for B.
/// No example is ever passed through the network alone.
public struct PerExampleGradients<Element: Scalar>: Sendable {
  /// The gradients of one batch.
  public struct Batch: Sendable {
    /// One matrix for each block of the layout, `n × d`, one row per example.
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
  /// What the gradients are of.
  public let target: GradientTarget
  /// Which hidden units are silent, if any.
  public let dropout: Dropout?
  /// The first layer whose parameters count.
  private let firstLayer: Int

  /// Prepares the gradients of a network.
  ///
  /// - Parameters:
  ///   - model: The network.
  ///   - target: What the gradients are of; each example's own loss unless given.
  ///   - dropout: Which hidden units are silent, if any.
  ///   - lastLayers: How many layers, counted from the head, have their parameters in the gradients, at least
  ///     1; all unless given. Fewer make smaller stores, and the way back ends there.
  public init(
    of model: MultilayerPerceptron<Element>, target: GradientTarget = .loss,
    dropout: Dropout? = nil, lastLayers: Int? = nil
  ) {
    precondition((lastLayers ?? 1) >= 1, "gradients of the last \(lastLayers ?? 1) layers")
    self.model = model
    self.target = target
    self.dropout = dropout
    firstLayer = max(0, model.layers.count - (lastLayers ?? model.layers.count))
    layout = model.layout(fromLayer: firstLayer)
  }

  /// The gradients of some examples.
  ///
  /// - Parameters:
  ///   - data: Examples that fit the network.
  ///   - rows: Which of them; all by default.
  /// - Throws: ``ModelError`` if the data do not fit, or there are none.
  /// - Complexity: about 4 operations for each example and weight, and writing n · D elements, which
  ///   takes most of the time.
  public func batch(
    of data: TabularDataSet<Element>, rows: Range<Int>? = nil
  ) throws(ModelError) -> Batch {
    try model.checkFit(data)
    let rows = rows ?? 0..<data.count
    var workspace = Workspace()
    fill(&workspace, with: data, rows: rows)
    return Batch(
      blocks: matrices(of: workspace, rows: rows.count), losses: workspace.losses,
      predictions: workspace.predictions)
  }

  /// Gives the gradients of all examples to `body`, batch by batch, in order.
  ///
  /// As many batches as there are threads are computed at the same time; what they hold does not
  /// depend on that. Blocks may be kept, at the price of a copy; to keep all, ask for
  /// ``batch(of:rows:)`` instead.
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
    let batches = Array((0..<data.count).chunks(ofCount: batchSize))
    var workspaces = Array(repeating: Workspace(), count: min(Parallelism.threads, batches.count))
    for ranges in batches.chunks(ofCount: workspaces.count).map(Array.init) {
      Parallelism.update(&workspaces) { index, workspace in
        if index < ranges.count { fill(&workspace, with: data, rows: ranges[index]) }
      }
      for (rows, workspace) in zip(ranges, workspaces) {
        try body(rows, matrices(of: workspace, rows: rows.count), workspace.losses)
      }
    }
  }

  /// The results of one batch, in memory that serves the next batch again.
  ///
  /// Fresh memory costs more to get from the system than gradients to compute.
  private struct Workspace: Sendable {
    var blocks: [[Element]] = []
    var losses: [Double] = []
    var predictions: [Int] = []
  }

  @specialized(where Element == Float)
  @specialized(where Element == Double)
  private func fill(
    _ workspace: inout Workspace, with data: TabularDataSet<Element>, rows: Range<Int>
  ) {
    let features = Matrix(data.features.view[rows: rows])
    let pass = model.forwardAndBack(
      features, labels: data.labels[rows], target: target, dropout: dropout,
      firstRow: rows.lowerBound, downTo: firstLayer)
    workspace.losses = pass.losses
    workspace.predictions = pass.logits.columnsOfRowMaxima()
    model.fillGradients(&workspace.blocks, of: pass, fromLayer: firstLayer)
  }

  /// A workspace's gradients as one matrix for each block; shares their memory.
  private func matrices(of workspace: Workspace, rows: Int) -> [Matrix<Element>] {
    zip(layout.blocks, workspace.blocks).map { block, elements in
      Matrix(rows: rows, columns: block.width, elements: elements)
    }
  }
}
