import Algorithms
public import LinearAlgebra
import TensorFiles

/// The squared norm of every example's gradient in every block.
public struct GradientNorms: Sendable {
  /// ‖g‖² of the n examples, block after block.
  public let blocks: [SquaredNorms]

  /// Takes the norms of each block, all of the same examples.
  package init(_ blocks: [SquaredNorms]) { self.blocks = blocks }

  /// Norms in memory, `n × blocks`.
  package init(_ squared: Matrix<Double>) {
    blocks = (0..<squared.columns).map { block in
      SquaredNorms((0..<squared.rows).map { squared[$0, block] })
    }
  }

  /// ‖g‖² of the n examples in one block.
  public func norms(ofBlock block: Int) -> SquaredNorms { blocks[block] }

  /// ‖g‖² of the n examples over all blocks.
  public var totals: [Double] { totals(ofBlocks: Array(blocks.indices)) }

  /// ‖g‖² of the n examples over some blocks.
  package func totals(ofBlocks chosen: [Int]) -> [Double] {
    var totals = [Double](repeating: 0, count: blocks.first?.count ?? 0)
    for block in chosen {
      for (row, norm) in blocks[block].enumerated() { totals[row] += norm }
    }
    return totals
  }

  /// Calls `body` with each row and its ‖g‖² over all blocks, without memory for each.
  func forEachTotal(_ body: (_ row: Int, _ total: Double) -> Void) {
    for rows in (0..<(blocks.first?.count ?? 0)).chunks(ofCount: 4096) {
      var totals = [Double](repeating: 0, count: rows.count)
      for block in blocks {
        for (place, norm) in block[rows: rows].enumerated() { totals[place] += norm }
      }
      for (place, total) in totals.enumerated() { body(rows.lowerBound + place, total) }
    }
  }

  /// The rows whose gradient is zero in all of some blocks.
  package func zeroRows(inBlocks chosen: [Int]) -> [Int] {
    guard let first = chosen.first else { return [] }
    return blocks[first].enumerated().filter { row, norm in
      norm == 0 && chosen.dropFirst().allSatisfy { blocks[$0][row] == 0 }
    }.map(\.offset)
  }

  /// ‖g‖², `n × blocks`.
  ///
  /// - Complexity: a copy of all norms.
  public var squared: Matrix<Double> {
    var squared = Matrix<Double>.zeros(blocks.first?.count ?? 0, blocks.count)
    for (block, norms) in blocks.enumerated() {
      for (row, norm) in norms.enumerated() { squared[row, block] = norm }
    }
    return squared
  }
}

extension GradientStore {
  /// The squared norms of all gradients: as the writer recorded them, or by a pass.
  ///
  /// Values that are not finite belong to rows that hold NaN or infinity, or float64 numbers above
  /// 10¹⁵⁰ or so (a sum of squares of finite single-precision numbers cannot overflow in double
  /// precision).
  ///
  /// Recorded norms are compared with their checksum, and stay in their mapped file where all shards have them.
  ///
  /// - Throws: ``GradientStoreError/damaged(path:recorded:found:)``, or an error of reading the gradients.
  /// - Complexity: O(nD) once, if they were not recorded.
  public func squaredNorms() throws -> GradientNorms {
    try checkNorms()
    let recorded = try shards.compactMap { shard -> MatrixView<Double>? in
      guard let norms = shard.squaredNorms else { return nil }
      let view = try norms.view(as: Double.self)
      try requireNorms(view, in: norms.map)
      return view
    }
    try requireUnchanged()
    guard recorded.count < shards.count || shards.isEmpty else {
      return GradientNorms(
        layout.blocks.indices.map { block in
          SquaredNorms(
            zip(shards, recorded).map { shard, norms in
              SquaredNorms.Part(
                rows: shard.rows, recorded: norms, columns: members?.ofBlocks[block] ?? [block])
            })
        })
    }
    return GradientNorms(
      try layout.blocks.indices.map { block in
        var squares: [Double] = []
        squares.reserveCapacity(count)
        for shard in shards {
          if shard.squaredNorms == nil {
            // Some rows at a time, so that the norms of a large shard are never held twice.
            for rows in (0..<shard.rows.count).chunks(ofCount: 1 << 18) {
              squares += try shard.blocks[block].squaredRowNorms(
                rows: rows, width: layout.blocks[block].width)
            }
          } else {
            squares += try self[rows: shard.rows].squaredNorms().blocks[block]
          }
        }
        try requireUnchanged()
        return SquaredNorms(squares)
      })
  }

  /// Refuses recorded norms that no gradients have which a writer takes.
  ///
  /// Infinity is the norm of float64 numbers that are too large to be squared.
  private func requireNorms(_ norms: MatrixView<Double>, in file: MemoryMap) throws {
    let mayOverflow = elementTypes.contains(.float64)
    let isNorm = { (norm: Double) in norm >= 0 && (norm.isFinite || mayOverflow) }
    for rows in (0..<norms.rows).chunks(ofCount: max(1, (1 << 16) / max(1, norms.columns))) {
      let part = Matrix(norms[rows: rows]).elements
      guard let place = part.firstIndex(where: { !isNorm($0) }) else { continue }
      throw GradientStoreError.inconsistent(
        path: file.path,
        reason:
          "row \(rows.lowerBound + place / norms.columns), column \(place % norms.columns): \(part[place]) is the squared norm of no gradient; the file is damaged, copy or write the store again"
      )
    }
  }
}

extension BlockSource {
  /// ‖g‖² of some rows; those that must be converted, in pieces that fit into a core's cache.
  ///
  /// - Complexity: O(nd); the same bits however the rows are divided among calls.
  func squaredRowNorms(rows: Range<Int>, width: Int) throws -> [Double] {
    switch (self, elementType) {
    case (.joined(let blocks), _): return try blocks.squaredRowNorms(rows: rows)
    case (.factored(let matrix), _): return try matrix.squaredRowNorms(rows: rows)
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
