package import LinearAlgebra
import TensorFiles

extension GradientStore {
  /// The inner products of one vector with some rows of a block, read from narrow types directly.
  ///
  /// - Parameters:
  ///   - vector: `1 × d`.
  ///   - rows: The rows; contiguous.
  ///   - block: Where the block stands in the layout.
  /// - Returns: `1 × rows`, summed in single precision; nil where rows are not of a narrow type, or better
  ///   converted first.
  /// - Throws: ``GradientStoreError/invalidScale(path:row:block:found:)``.
  /// - Complexity: 2d operations per row, and one pass.
  package func narrowProducts(
    with vector: MatrixView<Float>, rows: Range<Int>, block: Int
  ) throws -> Matrix<Float>? {
    var products: [Float] = []
    products.reserveCapacity(rows.count)
    for shard in shards where shard.rows.overlaps(rows) {
      let local = shard.local(rows)
      let part: Matrix<Float>?
      switch shard.blocks[block] {
      case .mapped(let stored): part = stored[rows: local].products(with: vector)
      case .scaled(let stored):
        part = stored.integers[rows: local].products(
          with: vector, scales: try stored.scales(of: local))
      default: part = nil
      }
      guard let part else { return nil }
      products += part.elements
    }
    return Matrix(rows: 1, columns: rows.count, elements: products)
  }
}
