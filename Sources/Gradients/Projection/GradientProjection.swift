public import LinearAlgebra

/// A projection of each block of gradients from d columns to k: at random, which keeps inner products but for
/// errors of the order √(1/k), or onto directions that were found before.
///
/// A random P of a block is decided by the seed and the block's name, so that stores with the same blocks are
/// projected alike, in any order, a row at a time.
public struct GradientProjection: Sendable, Hashable {
  /// What P is.
  public enum Kind: Sendable, Hashable {
    /// Independent normal numbers or signs, `k × d`.
    case dense(RandomMatrix.Distribution, dimension: Int)
    /// So many signs a column (the sparse Johnson–Lindenstrauss transform), `k × d`.
    case sparse(dimension: Int, nonzeros: Int)
    /// P_out ⊗ P_in of normal numbers, `k_out × q` and `k_in × p`, for blocks that are matrices `q × p`
    /// (LoGra: Choe et al., "What is your data worth to GPT?", 2024); k = k_out · k_in. A kernel of a convolution,
    /// outputs × inputs × …, is a matrix of outputs and all the rest. A side that is shorter than its k, such as the
    /// rank of an adapter, is kept as it is, and so are vectors, such as biases.
    case kronecker(outputs: Int, inputs: Int)
    /// The same with the leading directions of both sides in the place of random numbers.
    case principal(PrincipalSides)
  }

  /// What P is.
  public let kind: Kind
  /// Decides a random P.
  public let seed: UInt64

  /// Entries of a column of a sparse projection, unless it has fewer rows.
  ///
  /// The variance does not depend on them; more make large errors rarer where few columns hold most of a
  /// gradient, and cost as much more.
  public static let standardNonzeros = 4

  /// Makes a projection.
  ///
  /// - Parameters:
  ///   - kind: What P is; all numbers from 1 up, and no more entries a column than rows.
  ///   - seed: Any number.
  public init(_ kind: Kind, seed: UInt64 = 0) {
    self.kind = kind
    self.seed = seed
    precondition(dimension > 0, "a projection to \(dimension) columns")
    if case .sparse(let dimension, let nonzeros) = kind {
      precondition(
        nonzeros > 0 && nonzeros <= dimension, "\(nonzeros) entries a column of \(dimension) rows")
    }
  }

  /// Columns of each projected block, k; a vector that is kept may have fewer.
  public var dimension: Int {
    switch kind {
    case .dense(_, let dimension), .sparse(let dimension, _): dimension
    case .kronecker, .principal: sides.map { $0.outputs * $0.inputs } ?? 0
    }
  }

  /// Outputs and inputs of a projection from both sides; nil of others.
  private var sides: (outputs: Int, inputs: Int)? {
    switch kind {
    case .dense, .sparse: nil
    case .kronecker(let outputs, let inputs): (outputs, inputs)
    case .principal(let sides): (sides.outputs, sides.inputs)
    }
  }

  /// Whether P is random, so that norms and inner products stay but for errors that can be expected.
  public var isRandom: Bool { if case .principal = kind { false } else { true } }

  /// The largest variance that ‖Px‖²/‖x‖² may have: 2/k, but for Kronecker products, whose is at most
  /// (1 + 2/k_out)(1 + 2/k_in) − 1, of a gradient of rank 1.
  ///
  /// A sparse projection whose entries do not divide its rows may have a little more. Nothing is random of directions that
  /// were found, 0.
  public var normVariance: Double {
    switch kind {
    case .dense(_, let dimension), .sparse(let dimension, _): 2 / Double(dimension)
    case .kronecker(let outputs, let inputs):
      (1 + 2 / Double(outputs)) * (1 + 2 / Double(inputs)) - 1
    case .principal: 0
    }
  }

  /// The blocks of projected gradients.
  ///
  /// - Parameter layout: The blocks of the gradients.
  /// - Returns: Blocks of the same names, of shape `[k]`, or `[k_out, k_in]` where no side is shorter, or of their own
  ///   shape if kept.
  /// - Throws: ``GradientStoreError/notProjectable(block:reason:)`` where k is larger than d, all blocks would
  ///   be kept, or there are no directions for a block.
  public func layout(of layout: BlockLayout) throws -> BlockLayout {
    var blocks: [(name: String, shape: [Int])] = []
    for block in layout.blocks {
      switch kind {
      case .dense(_, let dimension), .sparse(let dimension, _):
        guard dimension <= block.width else {
          throw GradientStoreError.notProjectable(
            block: block.name,
            reason:
              "it has \(block.width) columns, fewer than the \(dimension) that are asked for; project to fewer, or group blocks by layer or all together"
          )
        }
        blocks.append((block.name, [dimension]))
      case .kronecker, .principal:
        guard let most = sides, !keeps(block) else {
          blocks.append((block.name, block.shape))
          continue
        }
        if case .principal(let known) = kind { _ = try known.factors(of: block) }
        let own = block.sides
        blocks.append((block.name, [min(most.outputs, own.outputs), min(most.inputs, own.inputs)]))
      }
    }
    if let first = layout.blocks.first, layout.blocks.allSatisfy(keeps) {
      throw GradientStoreError.notProjectable(
        block: first.name,
        reason:
          "all blocks are vectors, or have no side longer than is asked for, such as this one of shape \(first.shape), so that nothing would be projected; project to fewer, or with another kind"
      )
    }
    return BlockLayout(blocks)
  }

  /// Whether a block stays as it is: a vector, such as a bias, which has no two sides to project, or a matrix with
  /// both sides shorter than those that are asked for.
  func keeps(_ block: Block) -> Bool {
    guard let most = sides else { return false }
    let own = block.sides
    return block.shape.count <= 1 || own.outputs < most.outputs && own.inputs < most.inputs
  }
}

extension GradientProjection: CustomStringConvertible {
  /// All that decides P beside the blocks: `sjlt:dimension=512,nonzeros=4,seed=0`.
  public var description: String {
    switch kind {
    case .dense(let distribution, let dimension):
      "\(distribution.rawValue):dimension=\(dimension),seed=\(seed)"
    case .sparse(let dimension, let nonzeros):
      "sjlt:dimension=\(dimension),nonzeros=\(nonzeros),seed=\(seed)"
    case .kronecker(let outputs, let inputs):
      "logra:outputs=\(outputs),inputs=\(inputs),seed=\(seed)"
    case .principal(let sides):
      "logra-pca:outputs=\(sides.outputs),inputs=\(sides.inputs),of=\(sides.source.rawValue),crc32c=\(sides.checksum)"
    }
  }
}
