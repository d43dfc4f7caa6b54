/// A tile of a symmetric matrix's lower triangle, with its place.
struct PlacedTile: Sendable {
  /// The row of its first element.
  let row: Int
  /// The column of its first element; at most ``row``.
  let column: Int
  /// The tile; on the diagonal it is symmetric itself.
  let tile: Matrix<Double>
}

extension Matrix {
  /// Writes tiles of a lower triangle, on all threads.
  ///
  /// - Parameters:
  ///   - tiles: Tiles that do not overlap, inside this matrix.
  ///   - scale: What every number is multiplied with, before it is rounded.
  ///   - mirrors: Whether the transpose of each tile is written on the other side of the diagonal.
  @specialized(where Element == Double)
  @specialized(where Element == Float)
  mutating func place(_ tiles: [PlacedTile], scale: Double = 1, mirrors: Bool) {
    for placed in tiles {
      precondition(
        placed.row + placed.tile.rows <= rows && placed.column + placed.tile.columns <= columns
          && (!mirrors
            || (placed.column + placed.tile.columns <= rows
              && placed.row + placed.tile.rows <= columns)),
        "a tile outside a matrix of \(rows) × \(columns)")
    }
    let stride = columns
    // Numbers of a column lie far apart: a few columns of a few rows stay in a core's first cache.
    let side = 16
    unsafe elements.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      let output = unsafe OutputRegion(base: base, stride: stride)
      Parallelism.forEach(tiles.count) { index in
        let (row, column, tile) = (tiles[index].row, tiles[index].column, tiles[index].tile)
        unsafe tile.elements.withUnsafeBufferPointer { source in
          for line in 0..<tile.rows {
            let target = unsafe output.base + (row + line) * stride + column
            for place in 0..<(row == column ? line + 1 : tile.columns) {
              unsafe target[place] = Element(scale * source[line * tile.columns + place])
            }
          }
          guard mirrors else { return }
          for top in Swift.stride(from: 0, to: tile.rows, by: side) {
            for left in Swift.stride(from: 0, to: tile.columns, by: side) {
              for place in left..<min(tile.columns, left + side) {
                let target = unsafe output.base + (column + place) * stride + row
                // On the diagonal what lies below it is mirrored, so that the matrix is symmetric to the last bit.
                let first = row == column ? max(top, place) : top
                for line in first..<max(first, min(tile.rows, top + side)) {
                  unsafe target[line] = Element(scale * source[line * tile.columns + place])
                }
              }
            }
          }
        }
      }
    }
  }
}
