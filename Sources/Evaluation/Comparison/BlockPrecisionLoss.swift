import LinearAlgebra

/// What a narrower type loses in one block of sampled gradients; g' is the stored row of g.
public struct BlockPrecisionLoss: Sendable {
  /// The block.
  public let name: String
  /// ‖G' − G‖ / ‖G‖ of all sampled rows together, from 0; infinite where a number is too large for the type.
  public let error: Double
  /// The median of ‖g' − g‖ / ‖g‖ over sampled rows that are not zero.
  public let medianRowError: Double
  /// The median of |‖g'‖ − ‖g‖| / ‖g‖ over the same rows.
  public let medianNormError: Double
  /// The largest of them.
  public let largestNormError: Double
  /// The share of nonzero numbers that become zero, from 0 to 1.
  public let zerosMade: Double
  /// max |S' − S| / max |S| of this block's share of exact scores.
  public let exactError: Double
  /// The same of DataInf's scores.
  public let dataInfError: Double
  /// λ = 0.1 · tr(F)/d of the sampled training rows.
  public let damping: Double
  /// λ of the stored rows; 0 where they are all zero.
  public let storedDamping: Double

  /// The part of its length that a block, or half of its rows, may be off by.
  public static let largestError = 0.25

  /// Whether the type leaves something else than the gradients: the block as a whole or half of its rows are off
  /// by more than ``largestError`` of their length.
  public var isDestroyed: Bool {
    !(error <= Self.largestError && medianRowError <= Self.largestError)
  }

  init(name: String, _ block: SampledBlock, before: SampledScores, after: SampledScores) {
    self.name = name
    let rows = block.before.squares.indices.filter { block.before.squares[$0] > 0 }
    let norms = rows.map { block.before.squares[$0].squareRoot() }
    let normErrors = zip(rows, norms).map { row, norm in
      abs(block.after.squares[row].squareRoot() - norm) / norm
    }
    medianNormError = Statistics.median(normErrors) ?? 0
    largestNormError = normErrors.max() ?? 0
    medianRowError =
      Statistics.median(zip(rows, norms).map { block.differences[$0].squareRoot() / $1 }) ?? 0
    error =
      (block.differences.reduce(0, +) / block.before.squares.reduce(0, +)).squareRoot()
    zerosMade = Double(block.zerosMade) / Double(block.nonzeros)
    (exactError, dataInfError, _) = after.errors(from: before)
    damping = before.damping
    storedDamping = after.damping
  }
}
