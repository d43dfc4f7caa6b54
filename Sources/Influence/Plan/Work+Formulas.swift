extension Work {
  /// Solving with a matrix of order r in double precision: 2mr² operations per product with it.
  ///
  /// - Parameters:
  ///   - queries: m.
  ///   - order: r.
  ///   - products: How many products with the matrix each query takes.
  ///   - readings: How often the matrix goes through memory.
  static func solving(queries: Int, order: Int, products: Int = 1, readings: Int = 1) -> Work {
    var work = Work()
    work.doubleOperations =
      Double(products) * OperationCount.products(m: queries, n: order, d: order)
    work.doubleNumbers = Double(readings) * Double(order) * Double(order)
    return work
  }

  /// F in a subspace of k directions, from features of n rows, and its eigenvectors: nk² + 9k³ operations.
  static func projecting(rows: Int, rank: Int) -> Work {
    var work = Work()
    work.doubleOperations =
      OperationCount.fisher(n: rows, d: rank) + OperationCount.eigendecomposition(order: rank)
    return work
  }

  /// Scores of m queries in a subspace of k directions, on the score side: 6mnk operations.
  static func solvingInSubspace(queries: Int, order: Int, rank: Int) -> Work {
    var work = Work()
    work.doubleOperations = 3 * OperationCount.products(m: queries, n: order, d: rank)
    work.doubleNumbers = 2 * Double(order) * Double(rank)
    return work
  }

  /// X of m queries in a subspace of k directions, on the query side: 4mdk operations.
  static func preconditioningInSubspace(queries: Int, width: Int, rank: Int) -> Work {
    var work = Work()
    work.addProducts(
      rows: queries, operations: 2 * OperationCount.products(m: queries, n: width, d: rank))
    work.productNumbers = Double(width) * Double(rank)
    return work
  }
}
