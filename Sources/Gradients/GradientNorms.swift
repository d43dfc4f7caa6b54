public import LinearAlgebra
import TensorFiles

/// The squared norm of every example's gradient in every block.
public struct GradientNorms: Sendable {
  /// ‖g‖², `n × blocks`.
  public let squared: Matrix<Double>

  /// ‖g‖² of the n examples in one block.
  public func norms(ofBlock block: Int) -> [Double] {
    (0..<squared.rows).map { squared[$0, block] }
  }

  /// ‖g‖² of the n examples over all blocks.
  public var totals: [Double] {
    (0..<squared.rows).map { squared[row: $0].reduce(0, +) }
  }
}

extension GradientStore {
  /// The squared norms of all gradients: as the writer recorded them, or by a pass.
  ///
  /// Values that are not finite belong to rows that hold NaN or infinity (a sum of squares of finite
  /// single-precision numbers cannot overflow in double precision).
  ///
  /// - Complexity: O(nD) once, if they were not recorded.
  public func squaredNorms() throws -> GradientNorms {
    var squared = Matrix<Double>.zeros(count, layout.count)
    for shard in shards {
      if let recorded = shard.squaredNorms {
        let norms = recorded.matrix(as: Double.self)
        for row in 0..<norms.rows {
          squared[row: shard.rows.lowerBound + row] = norms[row: row]
        }
      } else {
        for block in layout.blocks.indices {
          let norms = try computedNorms(of: shard, block: block)
          for (offset, norm) in norms.enumerated() {
            squared[shard.rows.lowerBound + offset, block] = norm
          }
        }
      }
    }
    return GradientNorms(squared: squared)
  }

  private func computedNorms(of shard: Shard, block: Int) throws -> [Double] {
    let width = layout.blocks[block].width
    let source = shard.blocks[block]
    let columns = 0..<width
    if case .double = source {
      return try source.read(rows: 0..<shard.rows.count, columns: columns, as: Double.self)
        .squaredRowNorms()
    }
    if source.elementType == .float64 || !source.isDirectlyReadable(as: Float.self) {
      // Converted a few megabytes at a time.
      let chunk = max(1, (4 << 20) / max(1, width * MemoryLayout<Double>.stride))
      var norms: [Double] = []
      norms.reserveCapacity(shard.rows.count)
      for first in stride(from: 0, to: shard.rows.count, by: chunk) {
        let rows = first..<min(shard.rows.count, first + chunk)
        norms += try source.read(rows: rows, columns: columns, as: Double.self).squaredRowNorms()
      }
      return norms
    }
    return try source.read(rows: 0..<shard.rows.count, columns: columns, as: Float.self)
      .squaredRowNorms()
  }
}
