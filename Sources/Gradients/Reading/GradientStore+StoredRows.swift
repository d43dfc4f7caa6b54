package import LinearAlgebra
import TensorFiles

extension GradientStore {
  /// Some rows of a block for products of a few vectors: as they are stored where products can read
  /// that, or converted into a buffer that the caller keeps from chunk to chunk.
  ///
  /// - Parameters:
  ///   - rows: The rows; contiguous.
  ///   - block: Where the block stands in the layout.
  ///   - buffer: Any matrix; let go of the last rows of it before the next call.
  /// - Throws: ``GradientStoreError/invalidScale(path:row:block:found:)``, or an error from reading.
  package func storedRows(
    _ rows: Range<Int>, of block: Int, reusing buffer: inout Matrix<Float>
  ) throws -> StoredRows {
    if let shard = shards.first(where: { $0.rows.overlaps(rows) }),
      shard.rows.clamped(to: rows) == rows,
      let stored = try shard.blocks[block].storedRows(shard.local(rows))
    {
      return stored
    }
    return StoredRows(try self.rows(rows, of: block, reusing: &buffer))
  }

  /// Whether chunks of rows of a block that cross no shard's border are multiplied as they are stored.
  package func chunksAreReadInPlace(of block: Int) -> Bool {
    shards.allSatisfy { shard in
      switch shard.blocks[block] {
      case .mapped(let stored): stored[rows: 0..<0].storedRows() != nil
      case .scaled(let stored): stored.integers[rows: 0..<0].storedRows() != nil
      case .single: true
      case .factored, .double, .rearranged, .summed, .derived, .joined: false
      }
    }
  }
}

extension BlockSource {
  /// Some rows as they are stored; nil where products cannot read that.
  fileprivate func storedRows(_ rows: Range<Int>) throws -> StoredRows? {
    switch self {
    case .mapped(let stored): stored[rows: rows].storedRows()
    case .scaled(let stored):
      stored.integers[rows: rows].storedRows(scales: try stored.scales(of: rows))
    case .single(let view): view.isTransposed ? nil : StoredRows(view[rows: rows])
    case .factored, .double, .rearranged, .summed, .derived, .joined: nil
    }
  }
}
