package import LinearAlgebra
import TensorFiles

extension GradientStore {
  /// The inner products of one vector with every row of a block, read from narrow types directly.
  ///
  /// - Parameters:
  ///   - vector: `1 × d`.
  ///   - block: Where the block stands in the layout.
  /// - Returns: `1 × n`, summed in single precision; nil where rows are not of a narrow type, or better
  ///   converted first.
  /// - Throws: ``GradientStoreError/invalidScale(path:row:block:found:)``.
  /// - Complexity: 2nd operations, one pass.
  package func narrowProducts(
    with vector: MatrixView<Float>, block: Int
  ) throws -> Matrix<Float>? {
    var products: [Float] = []
    products.reserveCapacity(count)
    for shard in shards {
      let part: Matrix<Float>?
      switch shard.blocks[block] {
      case .mapped(let stored): part = stored.products(with: vector)
      case .scaled(let stored):
        part = stored.integers.products(
          with: vector, scales: try stored.scales(of: 0..<shard.rows.count))
      default: part = nil
      }
      guard let part else { return nil }
      products += part.elements
    }
    return Matrix(rows: 1, columns: count, elements: products)
  }
}
