import Algorithms
package import LinearAlgebra

/// Rows of a store drawn at random, and their inner products: what copies are compared by.
package enum GradientSample {
  /// Up to `limit` different rows of `count`, in a random order that the seed decides.
  package static func rows(_ limit: Int, of count: Int, seed: UInt64) -> [Int] {
    var generator = SeededGenerator(seed: seed)
    guard count > limit else { return generator.permutation(count) }
    var seen: Set<Int> = []
    var rows: [Int] = []
    while rows.count < limit {
      let row = generator.index(below: count)
      if seen.insert(row).inserted { rows.append(row) }
    }
    return rows
  }

  /// V·Gᵀ in double precision between rows of a store, some columns at a time.
  ///
  /// - Returns: `queries × examples`.
  /// - Complexity: 2mnD operations; reads the rows once.
  package static func products(
    of store: GradientStore, queries: [Int], examples: [Int]
  ) throws -> Matrix<Double> {
    var products = Matrix<Double>.zeros(queries.count, examples.count)
    for block in store.layout.blocks.indices {
      for columns in tiles(ofBlock: block, of: store) {
        let first = try gather(queries, of: block, columns: columns, from: store)
        let second = try gather(examples, of: block, columns: columns, from: store)
        products.add(product: first.view, second.transposed)
      }
    }
    return products
  }

  /// The columns of a block, in pieces that are few enough for many rows.
  package static func tiles(ofBlock block: Int, of store: GradientStore) -> [Range<Int>] {
    Array((0..<store.layout.blocks[block].width).chunks(ofCount: 2048))
  }

  /// Some columns of the rows in one block, `rows × columns`.
  package static func gather(
    _ rows: [Int], of block: Int, columns: Range<Int>, from store: GradientStore
  ) throws -> Matrix<Double> {
    var buffer = Matrix<Double>.zeros(0, 0)
    var elements: [Double] = []
    elements.reserveCapacity(rows.count * columns.count)
    for row in rows {
      elements +=
        Matrix(try store.rows(row..<row + 1, of: block, columns: columns, reusing: &buffer))
        .elements
    }
    return Matrix(rows: rows.count, columns: columns.count, elements: elements)
  }
}
