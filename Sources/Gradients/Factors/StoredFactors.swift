package import LinearAlgebra
public import TensorFiles

extension GradientStore {
  /// How the rows of all shards are kept as factors; nil where they are not, or the blocks are not as they are stored.
  public var factors: FactorLayout? {
    guard members == nil, let first = manifests.first??.factors,
      manifests.allSatisfy({ $0?.factors == first && $0?.layout == layout })
    else { return nil }
    return first
  }

  /// How the numbers of factors are stored; nil where the store is not factored.
  public var factorType: ElementType? {
    guard factors != nil, let type = manifests.first??.elementType,
      manifests.allSatisfy({ $0?.elementType == type })
    else { return nil }
    return type
  }

  /// How much of each block is kept in factors, as the writer measured it; nil where that is not recorded.
  public var factorFidelity: [BlockFidelity]? {
    guard factors != nil, shards.allSatisfy({ $0.storedRows == $0.rows.count }) else { return nil }
    var sums = layout.blocks.map { _ in BlockFidelity() }
    for manifest in manifests {
      guard let fidelity = manifest?.fidelity else { return nil }
      for (block, part) in fidelity.enumerated() { sums[block].add(part) }
    }
    return sums
  }

  /// The factors of a block's rows, alike in all shards; nil where some rows are not kept so.
  package func factors(ofBlock block: Int) -> BlockFactors? {
    guard case .factored(let first)? = shards.first?.blocks[block],
      shards.allSatisfy({ shard in
        if case .factored(let other) = shard.blocks[block] {
          other.factors == first.factors
        } else {
          false
        }
      })
    else { return nil }
    return first.factors
  }

  /// The fields of rows as a factored store keeps them, as a store whose blocks are the fields; nil for other stores.
  var storedFields: GradientStore? {
    guard let factors, factorType != nil else { return nil }
    return GradientStore(
      name: name, kind: kind, layout: factors.fields,
      shards: shards.map { shard in
        Shard(
          rows: shard.rows, firstStoredRow: shard.firstStoredRow,
          storedRowCount: shard.storedRowCount, blocks: shard.blocks.flatMap(\.fields),
          squaredNorms: nil, files: shard.files)
      }, manifests: shards.map { _ in nil })
  }
}

extension BlockSource {
  /// A factored block's vectors, each as rows of its own; the block itself where it is kept as it is.
  fileprivate var fields: [BlockSource] {
    guard case .factored(let matrix) = self else { return [self] }
    return [matrix.left, matrix.right].flatMap { vectors in
      let width = vectors.numbers.columns / vectors.rank
      return (0..<vectors.rank).map { index -> BlockSource in
        let numbers = vectors.numbers[columns: index * width..<(index + 1) * width]
        guard let scales = vectors.scales else { return .mapped(numbers) }
        return .scaled(
          ScaledMatrix(
            integers: numbers, scales: scales[columns: index..<index + 1], block: vectors.block,
            firstRow: vectors.firstRow))
      }
    }
  }
}

/// Factors of some rows of one block, in the precision of products.
package struct FactorRows<Element: Scalar>: Sendable {
  /// Rank and sides.
  package let factors: BlockFactors
  /// l₁ … l_c of each row, `n × c·q`.
  package let left: Matrix<Element>
  /// r₁ … r_c of each row, `n × c·p`.
  package let right: Matrix<Element>
}

extension GradientStore {
  /// The factors of some rows of a block; nil where they are not kept so.
  ///
  /// - Throws: ``GradientStoreError/invalidScale(path:row:block:found:)``.
  package func factorRows<Element: Scalar>(
    _ rows: Range<Int>, of block: Int, as type: Element.Type
  ) throws -> FactorRows<Element>? {
    guard let factors = factors(ofBlock: block) else { return nil }
    var left = Matrix<Element>.zeros(rows.count, factors.rank * factors.outputs)
    var right = Matrix<Element>.zeros(rows.count, factors.rank * factors.inputs)
    for shard in shards where shard.rows.overlaps(rows) {
      guard case .factored(let matrix) = shard.blocks[block] else { return nil }
      let local = shard.local(rows)
      let first = shard.rows.lowerBound + local.lowerBound - rows.lowerBound
      left.place(try matrix.left.matrix(rows: local).view, firstRow: first, firstColumn: 0)
      right.place(try matrix.right.matrix(rows: local).view, firstRow: first, firstColumn: 0)
    }
    return FactorRows(factors: factors, left: left, right: right)
  }
}
