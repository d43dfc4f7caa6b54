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
  /// Values that are not finite belong to rows that hold NaN or infinity, or float64 numbers above
  /// 10¹⁵⁰ or so (a sum of squares of finite single-precision numbers cannot overflow in double
  /// precision).
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
          let norms = try shard.blocks[block].squaredRowNorms(
            rows: 0..<shard.rows.count, width: layout.blocks[block].width)
          for (offset, norm) in norms.enumerated() {
            squared[shard.rows.lowerBound + offset, block] = norm
          }
        }
      }
    }
    return GradientNorms(squared: squared)
  }
}

extension BlockSource {
  /// ‖g‖² of some rows, a few megabytes at a time where they must be converted.
  ///
  /// - Complexity: O(nd); the same bits however the rows are divided among calls.
  func squaredRowNorms(rows: Range<Int>, width: Int) throws -> [Double] {
    if isDirectlyReadable(as: Float.self) {
      return try read(rows: rows, columns: 0..<width, as: Float.self).squaredRowNorms()
    }
    if isDirectlyReadable(as: Double.self) {
      return try read(rows: rows, columns: 0..<width, as: Double.self).squaredRowNorms()
    }
    let chunk = max(1, (4 << 20) / max(1, width * MemoryLayout<Double>.stride))
    var norms: [Double] = []
    norms.reserveCapacity(rows.count)
    for first in stride(from: rows.lowerBound, to: rows.upperBound, by: chunk) {
      let part = first..<min(rows.upperBound, first + chunk)
      norms += try read(rows: part, columns: 0..<width, as: Double.self).squaredRowNorms()
    }
    return norms
  }
}
