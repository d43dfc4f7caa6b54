public import LinearAlgebra
import Synchronization

/// The Gram matrix of one block's training gradients, with what is computed from it once for all
/// estimators: K = G·Gᵀ (n × n) on the score side, F = GᵀG/n (d × d) on the query side.
public final class BlockGram: Sendable {
  /// The block's shape, norms and damping.
  public let context: BlockContext
  /// Whether this is K or F.
  public let side: Side
  private let gram: Matrix<Double>?
  private let eigen = Mutex<SymmetricEigendecomposition<Double>?>(nil)

  /// Wraps a Gram matrix, after a look at its trace.
  ///
  /// - Throws: ``InfluenceError/outOfRange(block:)`` where the trace is not that of the norms, which
  ///   are summed in double precision: products of gradients have overflowed or underflowed.
  init(context: BlockContext, side: Side, matrix: Matrix<Double>?) throws(InfluenceError) {
    if let matrix {
      let trace = context.trace * (side == .score ? Double(context.exampleCount) : 1)
      let found = matrix.diagonal.reduce(0, +)
      // Rounding in single precision leaves more than three digits; NaN fails too.
      guard (found - trace).magnitude <= 1e-3 * trace else {
        throw .outOfRange(block: context.name)
      }
    }
    self.context = context
    self.side = side
    gram = matrix
  }

  /// K or F, for estimators that asked for it.
  public var matrix: Matrix<Double> {
    guard let gram else {
      preconditionFailure("the Gram matrix of block \(context.name) was not asked for")
    }
    return gram
  }

  /// Eigenvalues and eigenvectors of K or F; decomposed at the first call.
  ///
  /// - Complexity: about 9 · order³ operations.
  public func eigendecomposition() throws(FactorizationError)
    -> SymmetricEigendecomposition<Double>
  {
    if let known = eigen.withLock({ $0 }) { return known }
    let fresh = try SymmetricEigendecomposition(decomposing: matrix)
    eigen.withLock { $0 = fresh }
    return fresh
  }

  /// The eigenvalues s of F that the Gram matrix shows, ascending.
  ///
  /// All d of them from F, or n from K/n (the others being zero). Rounding below zero is cut off.
  public func fisherEigenvalues() throws(FactorizationError) -> [Double] {
    let scale = side == .score ? 1 / Double(context.exampleCount) : 1
    return try eigendecomposition().values.map { max(0, $0 * scale) }
  }
}
