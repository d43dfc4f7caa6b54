public import LinearAlgebra

/// A linear layer y = x·Wᵀ + b, perhaps with a low-rank adapter: y = x·Wᵀ + b + (α/r)·x·Aᵀ·Bᵀ.
public struct LinearLayer<Element: Scalar>: Sendable, Equatable {
  /// W, `outputs × inputs`.
  public internal(set) var weight: Matrix<Element>
  /// b, one number for each output.
  public internal(set) var bias: [Element]
  /// The correction of the weight, if there is one.
  public internal(set) var adapter: LowRankAdapter<Element>?

  /// Makes a layer of its parameters.
  ///
  /// - Parameters:
  ///   - weight: W, `outputs × inputs`.
  ///   - bias: b, one number for each output.
  ///   - adapter: The correction of the weight, if there is one.
  public init(weight: Matrix<Element>, bias: [Element], adapter: LowRankAdapter<Element>? = nil) {
    self.weight = weight
    self.bias = bias
    self.adapter = adapter
  }

  /// The number of inputs.
  public var inputs: Int { weight.columns }
  /// The number of outputs.
  public var outputs: Int { weight.rows }

  /// What does not fit between the parameters of this layer; nil if all do.
  var misfit: String? {
    if bias.count != outputs { return "a bias of \(bias.count) for \(outputs) outputs" }
    guard let adapter else { return nil }
    if adapter.rank == 0 { return "an adapter of rank 0" }
    if adapter.down.columns != inputs || adapter.up.rows != outputs {
      return
        "an adapter from \(adapter.down.columns) to \(adapter.up.rows) on a layer from \(inputs) to \(outputs)"
    }
    return nil
  }

  /// The layer's outputs for a batch.
  ///
  /// - Parameters:
  ///   - batch: `n × inputs`.
  ///   - projection: (α/r)·x·Aᵀ, `n × rank`, from ``projection(of:)``; nil without an adapter.
  /// - Returns: `n × outputs`.
  /// - Complexity: 2 · n · inputs · outputs operations.
  func outputs(of batch: MatrixView<Element>, projection: Matrix<Element>?) -> Matrix<Element> {
    // Starting from the bias saves a pass over the outputs.
    var rows: [Element] = []
    rows.reserveCapacity(batch.rows * outputs)
    for _ in 0..<batch.rows { rows.append(contentsOf: bias) }
    var result = Matrix(rows: batch.rows, columns: outputs, elements: rows)
    result.add(product: batch, weight.transposed)
    if let adapter, let projection {
      result.add(product: projection.view, adapter.up.transposed)
    }
    return result
  }

  /// What the adapter's A makes of a batch, scaled: (α/r)·x·Aᵀ, `n × rank`; nil without an adapter.
  func projection(of batch: MatrixView<Element>) -> Matrix<Element>? {
    guard let adapter else { return nil }
    var result = Matrix<Element>.zeros(batch.rows, adapter.rank)
    result.set(product: batch, adapter.down.transposed, scale: adapter.scale)
    return result
  }
}
