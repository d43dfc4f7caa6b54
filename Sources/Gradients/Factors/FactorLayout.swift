/// The two factors of the rows of one block: a row is Σₖ lₖ·rₖᵀ, a matrix of outputs × inputs.
public struct BlockFactors: Hashable, Sendable {
  /// How many products are summed, c.
  public let rank: Int
  /// The length q of each lₖ.
  public let outputs: Int
  /// The length p of each rₖ.
  public let inputs: Int

  /// The numbers that a row takes, c·(q + p).
  public var width: Int { rank * (outputs + inputs) }

  /// Whether inner products of two rows take fewer operations from factors, c²·(q + p), than from all q·p numbers.
  package func paysForProducts(with other: BlockFactors) -> Bool {
    rank * other.rank * (outputs + inputs) < outputs * inputs
  }
}

/// How a factored store keeps each block: as factors of rank c, or as it is.
///
/// A block of outputs × inputs (a kernel of a convolution: outputs × all the rest) is kept as factors of rank min(c, q, p) where these
/// are fewer numbers than the block itself. A vector, such as a bias, and a block whose factors would be as many numbers
/// are kept whole, so that nothing of them is left out.
public struct FactorLayout: Hashable, Sendable {
  /// The rank c that was asked for.
  public let rank: Int
  /// The factors of each block; nil where it is kept as it is.
  public let blocks: [BlockFactors?]
  /// The stored row: each block's vectors l₁ … l_c and r₁ … r_c one after the other, or the block itself.
  let fields: BlockLayout
  /// The first of each block's fields.
  let firstFields: [Int]

  /// Decides how blocks are kept.
  ///
  /// - Parameters:
  ///   - rank: c, from 1 up.
  ///   - layout: The blocks.
  ///   - path: What to name in errors.
  /// - Throws: ``GradientStoreError/invalidField(path:field:reason:)`` where two fields would have one name.
  init(rank: Int, of layout: BlockLayout, path: String) throws(GradientStoreError) {
    precondition(rank > 0, "factors of rank \(rank)")
    self.rank = rank
    blocks = layout.blocks.map { Self.factors(of: $0, rank: rank) }
    var fields: [(name: String, shape: [Int])] = []
    var firstFields: [Int] = []
    for (block, factors) in zip(layout.blocks, blocks) {
      firstFields.append(fields.count)
      guard let factors else {
        fields.append((block.name, [block.width]))
        continue
      }
      fields += (0..<factors.rank).map { ("\(block.name)/left/\($0)", [factors.outputs]) }
      fields += (0..<factors.rank).map { ("\(block.name)/right/\($0)", [factors.inputs]) }
    }
    self.fields = try BlockLayout(validating: fields, path: path)
    self.firstFields = firstFields
  }

  /// The factors of a block; nil where it is kept as it is.
  private static func factors(of block: Block, rank: Int) -> BlockFactors? {
    guard block.shape.count >= 2, block.width > 0 else { return nil }
    let sides = block.sides
    let rank = min(rank, sides.outputs, sides.inputs)
    guard rank * (sides.outputs + sides.inputs) < block.width else { return nil }
    return BlockFactors(rank: rank, outputs: sides.outputs, inputs: sides.inputs)
  }

  /// The fields of a block.
  func fields(ofBlock block: Int) -> Range<Int> {
    firstFields[block]..<firstFields[block] + (blocks[block].map { 2 * $0.rank } ?? 1)
  }
}

/// How much of a block's rows is kept in a factored store: sums over rows, rounding counted.
public struct BlockFidelity: Hashable, Sendable {
  /// Σ ‖g‖² of the rows as they were.
  public internal(set) var squaredNorm = 0.0
  /// Σ ‖g − ĝ‖² of what was left out, ĝ being the row as it is stored.
  public internal(set) var lost = 0.0

  /// Of no rows yet.
  public init() {}

  /// Of given sums.
  init(squaredNorm: Double, lost: Double) {
    self.squaredNorm = squaredNorm
    self.lost = lost
  }

  /// The share of the squared norm that is kept, 1 − Σ ‖g − ĝ‖² / Σ ‖g‖²; nil where all rows are zero.
  public var captured: Double? { squaredNorm > 0 ? 1 - lost / squaredNorm : nil }

  /// Adds those of other rows.
  mutating func add(_ other: BlockFidelity) {
    squaredNorm += other.squaredNorm
    lost += other.lost
  }

  /// Those of all blocks together.
  public static func total(of blocks: some Sequence<BlockFidelity>) -> BlockFidelity {
    blocks.reduce(into: BlockFidelity()) { $0.add($1) }
  }
}
