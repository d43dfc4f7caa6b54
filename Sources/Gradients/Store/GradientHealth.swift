import LinearAlgebra

/// What the norms of a store's gradients say of its health.
public struct GradientHealth: Sendable {
  /// The norms of one block's gradients.
  public struct BlockSummary: Sendable {
    /// The block.
    public let block: Block
    /// tr(F), the mean squared norm; NaN where a row is not finite.
    public let meanSquaredNorm: Double
    /// Rows whose gradient is all zero in this block.
    public let zeroRows: Int
    /// Rows that hold NaN or infinity in this block.
    public let nonFiniteRows: [Int]

    /// Whether every row is zero.
    public let isDead: Bool
  }

  /// One summary per block.
  public let blocks: [BlockSummary]
  /// Rows whose gradient is zero in all blocks.
  public let zeroRows: [Int]
  /// Rows that hold NaN or infinity in some block.
  public let nonFiniteRows: [Int]
  /// The norms of the finite rows over all blocks, ascending.
  public let sortedNorms: [Double]

  /// Reads the norms of a store.
  ///
  /// - Complexity: as ``GradientStore/squaredNorms()``.
  public init(of store: GradientStore) throws {
    let norms = try store.squaredNorms()
    blocks = store.layout.blocks.indices.map { index in
      let squares = norms.norms(ofBlock: index)
      let zeros = squares.reduce(0) { $0 + ($1 == 0 ? 1 : 0) }
      return BlockSummary(
        block: store.layout.blocks[index],
        meanSquaredNorm: squares.reduce(0, +) / Double(max(1, squares.count)), zeroRows: zeros,
        nonFiniteRows: squares.enumerated().filter { !$0.element.isFinite }.map(\.offset),
        isDead: zeros == squares.count)
    }
    let totals = norms.totals
    zeroRows = totals.indices.filter { totals[$0] == 0 }
    nonFiniteRows = totals.indices.filter { !totals[$0].isFinite }
    sortedNorms = totals.filter(\.isFinite).map { $0.squareRoot() }.sorted()
  }

  /// The norm below which a share of the finite rows lie; nil if there are none.
  ///
  /// - Parameter share: 0 ... 1; linear between two rows.
  public func quantile(_ share: Double) -> Double? {
    guard let last = sortedNorms.indices.last else { return nil }
    let place = min(1, max(0, share)) * Double(last)
    let below = Int(place)
    let above = min(last, below + 1)
    let weight = place - Double(below)
    return sortedNorms[below] * (1 - weight) + sortedNorms[above] * weight
  }
}
