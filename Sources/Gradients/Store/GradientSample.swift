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
    let tile = 2048
    for (index, block) in store.layout.blocks.enumerated() {
      for columns in (0..<block.width).chunks(ofCount: tile) {
        func gather(_ rows: [Int]) throws -> Matrix<Double> {
          var buffer = Matrix<Double>.zeros(0, 0)
          var elements: [Double] = []
          elements.reserveCapacity(rows.count * columns.count)
          for row in rows {
            elements +=
              Matrix(
                try store.rows(row..<row + 1, of: index, columns: columns, reusing: &buffer)
              ).elements
          }
          return Matrix(rows: rows.count, columns: columns.count, elements: elements)
        }
        products.add(product: try gather(queries).view, try gather(examples).transposed)
      }
    }
    return products
  }
}
