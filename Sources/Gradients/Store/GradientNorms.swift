import Algorithms
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
  /// Recorded norms are compared with their checksum.
  ///
  /// - Throws: ``GradientStoreError/damaged(path:recorded:found:)``, or an error of reading the gradients.
  /// - Complexity: O(nD) once, if they were not recorded.
  public func squaredNorms() throws -> GradientNorms {
    try checkNorms()
    var squared = Matrix<Double>.zeros(count, layout.count)
    for shard in shards {
      if let recorded = shard.squaredNorms {
        let norms = recorded.matrix(as: Double.self)
        try requireNorms(norms, in: recorded.map)
        for row in 0..<norms.rows {
          guard let members else {
            squared[row: shard.rows.lowerBound + row] = norms[row: row]
            continue
          }
          for (block, stored) in members.ofBlocks.enumerated() {
            squared[shard.rows.lowerBound + row, block] = stored.reduce(0) { $0 + norms[row, $1] }
          }
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
    try requireUnchanged()
    return GradientNorms(squared: squared)
  }

  /// Refuses recorded norms that no gradients have which a writer takes.
  ///
  /// Infinity is the norm of float64 numbers that are too large to be squared.
  private func requireNorms(_ norms: Matrix<Double>, in file: MemoryMap) throws {
    let mayOverflow = elementTypes.contains(.float64)
    let isNorm = { (norm: Double) in norm >= 0 && (norm.isFinite || mayOverflow) }
    guard let place = norms.elements.firstIndex(where: { !isNorm($0) }) else { return }
    throw GradientStoreError.inconsistent(
      path: file.path,
      reason:
        "row \(place / norms.columns), column \(place % norms.columns): \(norms.elements[place]) is the squared norm of no gradient; the file is damaged, copy or write the store again"
    )
  }
}

extension BlockSource {
  /// ‖g‖² of some rows; those that must be converted, in pieces that fit into a core's cache.
  ///
  /// - Complexity: O(nd); the same bits however the rows are divided among calls.
  func squaredRowNorms(rows: Range<Int>, width: Int) throws -> [Double] {
    switch (self, elementType) {
    case (.joined(let blocks), _): return try blocks.squaredRowNorms(rows: rows)
    case (.rearranged, _), (_, .float64): return try convertedRowNorms(rows: rows, width: width)
    case _ where isDirectlyReadable(as: Float.self):
      var unused = Matrix<Float>.zeros(0, 0)
      return try read(rows: rows, columns: 0..<width, reusing: &unused).squaredRowNorms()
    default: break
    }
    // Every other type is a part of single precision. A wide row is cut, always at the same columns.
    let tile = 1 << 16
    let rowsAPiece = max(1, tile / max(1, width))
    let rowsAGroup = 16 * rowsAPiece
    let groups = Array(rows.chunks(ofCount: rowsAGroup))
    return try Parallelism.map(groups.count) { group in
      var buffer = Matrix<Float>.zeros(0, 0)
      var norms: [Double] = []
      for part in groups[group].chunks(ofCount: rowsAPiece) {
        var sums = [Double](repeating: 0, count: part.count)
        for columns in (0..<width).chunks(ofCount: tile) {
          let squares = try read(rows: part, columns: columns, reusing: &buffer).squaredRowNorms()
          for (row, square) in squares.enumerated() { sums[row] += square }
        }
        norms += sums
      }
      return norms
    }.flatMap { $0 }
  }

  /// ‖g‖² of some rows in double precision, a few megabytes at a time.
  private func convertedRowNorms(rows: Range<Int>, width: Int) throws -> [Double] {
    let isInPlace = isDirectlyReadable(as: Double.self)
    let chunk = max(1, (4 << 20) / max(1, width * MemoryLayout<Double>.stride))
    var norms: [Double] = []
    norms.reserveCapacity(rows.count)
    var buffer = Matrix<Double>.zeros(0, 0)
    for part in rows.chunks(ofCount: isInPlace ? max(1, rows.count) : chunk) {
      norms += try read(rows: part, columns: 0..<width, reusing: &buffer).squaredRowNorms()
    }
    return norms
  }
}
