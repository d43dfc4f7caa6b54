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
  private let norms: GradientNorms

  /// Reads the norms of a store.
  ///
  /// - Complexity: as ``GradientStore/squaredNorms()``; no memory for each row beside those.
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
    var (zeros, bad) = ([Int](), [Int]())
    norms.forEachTotal { row, total in
      if total == 0 { zeros.append(row) }
      if !total.isFinite { bad.append(row) }
    }
    (zeroRows, nonFiniteRows) = (zeros, bad)
    self.norms = norms
  }

  /// The norm below which a share of the finite rows lie; nil if there are none.
  ///
  /// - Parameter share: 0 ... 1; linear between two rows.
  /// - Complexity: four passes over the norms; take ``quantiles(_:)`` for several shares.
  public func quantile(_ share: Double) -> Double? { quantiles([share])[0] }

  /// The norms below which some shares of the finite rows lie; nil if there are none.
  ///
  /// - Parameter shares: Each 0 ... 1; linear between two rows.
  /// - Complexity: four passes over the norms.
  public func quantiles(_ shares: [Double]) -> [Double?] {
    let last = (norms.blocks.first?.count ?? 0) - nonFiniteRows.count - 1
    guard last >= 0 else { return shares.map { _ in nil } }
    let places = shares.map { min(1, max(0, $0)) * Double(last) }
    let ranks = places.flatMap { [Int($0), min(last, Int($0) + 1)] }
    let squares = OrderStatistics.values(atRanks: ranks) { body in
      norms.forEachTotal { _, total in if total.isFinite { body(total) } }
    }
    return places.indices.map { index in
      let weight = places[index] - Double(ranks[2 * index])
      return squares[2 * index].squareRoot() * (1 - weight)
        + squares[2 * index + 1].squareRoot() * weight
    }
  }
}
