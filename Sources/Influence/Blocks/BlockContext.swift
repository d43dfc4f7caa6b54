public import Gradients
import LinearAlgebra

/// What is known of one block of the training gradients before any curvature: its shape, the norm of
/// every example's gradient, and the damping that follows.
public struct BlockContext: Sendable {
  /// Where the block stands in the layout.
  public let index: Int
  /// Name, shape and columns.
  public let block: Block
  /// The squared norms ν of the n examples' gradients in this block.
  public let squaredNorms: SquaredNorms
  /// Σν, their sum.
  let normSum: Double
  /// The damping λ; nil when the block is dead, its gradients all zero.
  public let damping: Double?

  /// The block's name.
  public var name: String { block.name }
  /// The number of training examples n.
  public var exampleCount: Int { squaredNorms.count }
  /// The number of columns d.
  public var width: Int { block.width }
  /// Whether every training gradient is zero in this block, as for LoRA's A while B is still zero.
  public var isDead: Bool { damping == nil }
  /// tr(F), the mean squared norm.
  public var trace: Double { normSum / Double(max(exampleCount, 1)) }

  /// Puts together what is known of a block.
  init(index: Int, block: Block, squaredNorms: SquaredNorms, damping: Double?) {
    self.index = index
    self.block = block
    self.squaredNorms = squaredNorms
    self.damping = damping
    normSum = squaredNorms.reduce(0, +)
  }

  /// The damping of a block that is not dead.
  var lambda: Double {
    guard let damping else { preconditionFailure("block \(block.name) is dead: it has no damping") }
    return damping
  }

  /// The same block under another damping.
  func damped(by lambda: Double) -> BlockContext {
    BlockContext(index: index, block: block, squaredNorms: squaredNorms, damping: lambda)
  }

  /// What costs depend on.
  func shape(in training: GradientStore) -> BlockShape {
    BlockShape(
      block, exampleCount: exampleCount, curvature: training.curvature,
      factors: training.factors(ofBlock: index))
  }

  /// For every block of a store, its norms, checked to be finite, and its damping.
  ///
  /// - Parameters:
  ///   - store: The training gradients.
  ///   - damping: The rule for λ.
  ///   - reduction: Brings together the norms of rows that other processes read.
  /// - Throws: ``InfluenceError``, or an error from reading the store.
  static func all(
    of store: GradientStore, damping: Damping, reduction: any Reduction = WholeRows()
  ) throws -> [BlockContext] {
    try damping.validate()
    try store.requireRows()
    let norms = try store.squaredNorms(reduction)
    let contexts = try store.layout.blocks.enumerated().map { index, block in
      let squares = norms.norms(ofBlock: index)
      let bad = squares.enumerated().filter { !$0.element.isFinite }.map(\.offset)
      guard bad.isEmpty else {
        throw InfluenceError.notFinite(source: store.name, block: block.name, rows: bad)
      }
      return BlockContext(
        index: index, block: block, squaredNorms: squares,
        damping: try damping.lambda(ofSquaredNorms: squares, width: block.width))
    }
    guard contexts.contains(where: { !$0.isDead }) else {
      throw InfluenceError.nothingToFit(source: store.name)
    }
    return contexts
  }
}

extension Damping {
  /// The damping of a block with these squared norms of its examples' gradients; nil where all are zero.
  func lambda(ofSquaredNorms norms: SquaredNorms, width: Int) throws(InfluenceError) -> Double? {
    let trace = norms.reduce(0, +) / Double(norms.count)
    return trace > 0 ? try lambda(trace: trace, width: width) : nil
  }
}

extension GradientStore {
  /// ‖g‖²; each process reads its own rows where norms were not recorded.
  fileprivate func squaredNorms(_ reduction: any Reduction) throws -> GradientNorms {
    guard reduction.isShared, !recordsNorms else { return try squaredNorms() }
    let own = try self[rows: reduction.rows(of: count)].squaredNorms().squared
    return GradientNorms(Matrix(try reduction.gather(rowsOf: own.view)))
  }
}
