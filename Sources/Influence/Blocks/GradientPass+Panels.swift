import Gradients
import LinearAlgebra

/// Passes of a few queries, which read stored numbers where they lie.
extension GradientPass where Element == Float {
  /// Rows of a chunk that is used twice while it is in a core's second cache.
  ///
  /// With more than a few queries, their vectors and sums are more than the rows, and are read once for each
  /// chunk: then more rows at a time pay, though they leave that cache.
  private func rowsUsedTwice(queries: Int, rowBytes: Int) -> Int {
    let inCache = max(8, (1 << 19) / rowBytes)
    let rows = queries < 8 ? inCache : max(2 * inCache, queries < 96 ? 32 : 128)
    // A block that is worked on alone is divided among threads, each with a cache.
    return min(PullBackSum.mostRows, Parallelism.isNested ? rows : 4 * rows)
  }

  private var storedRowBytes: Int { max(1, store.bytesPerRow(ofBlock: block)) }

  /// Calls `body` with chunk after chunk of the rows that this process reads, as they are stored.
  private func forEachStoredChunk(
    of size: Int, rowOperations: Double, in range: Range<Int>? = nil,
    _ body: (Range<Int>, StoredRows) throws -> Void
  ) throws {
    var buffer = Matrix<Float>.zeros(0, 0)
    for rows in chunks(of: size, in: range) {
      monitor?.willRead(rows, ofBlock: block)
      try body(rows, try store.storedRows(rows, of: block, reusing: &buffer))
      monitor?.didRead(rows, ofBlock: block, operations: Double(rows.count) * rowOperations)
    }
  }

  /// A·Gᵀ for a few rows A and some rows of G: the columns of those that this process reads.
  func panelProducts(_ left: MatrixView<Float>, with range: Range<Int>) throws -> Matrix<Float> {
    let panel = VectorPanel(left)
    var products = Matrix<Float>.zeros(left.rows, range.count)
    let bytes =
      store.chunksAreReadInPlace(of: block)
      ? Self.plainChunkBytes : Self.convertedChunkBytes(queries: left.rows)
    try forEachStoredChunk(
      of: max(192, bytes / storedRowBytes), rowOperations: Double(2 * left.rows * width), in: range
    ) { rows, gradients in
      products.set(
        productOf: panel, with: gradients, firstColumn: rows.lowerBound - range.lowerBound)
    }
    return products
  }

  /// Z + A·G for a given Z of a few rows; see ``addPullBack(_:to:)``.
  func addPanelPullBack(_ coefficients: Matrix<Float>, to sum: inout Matrix<Float>) throws {
    var sums = PullBackSum(startingAt: sum)
    let ones = [Float](repeating: 1, count: store.count)
    try forEachStoredChunk(
      of: PullBackSum.mostRows, rowOperations: Double(2 * sum.rows * width)
    ) { rows, gradients in
      sums.add(
        gradients, coefficients: coefficients, firstColumn: rows.lowerBound, factors: ones[rows],
        areInCache: false)
    }
    sum = sums.total()
  }

  /// Z + α·Y·diag(w)·G for a few rows A, with Y = A·Gᵀ.
  ///
  /// - Returns: Y, of the last chunk alone unless products are kept.
  func addPanelNormalProducts(
    _ left: MatrixView<Float>, weights: (Range<Int>) -> [Double], scale: Double,
    to sum: inout Matrix<Float>, keepsProducts: Bool,
    each: ((Range<Int>, MatrixView<Float>) -> Void)?
  ) throws -> Matrix<Float> {
    let panel = VectorPanel(left)
    let size = rowsUsedTwice(queries: left.rows, rowBytes: storedRowBytes)
    var products = Matrix<Float>.zeros(left.rows, keepsProducts ? store.count : size)
    var sums = PullBackSum(startingAt: sum, scale: Float(scale))
    try forEachStoredChunk(of: size, rowOperations: Double(4 * left.rows * width)) {
      rows, gradients in
      let first = keepsProducts ? rows.lowerBound : 0
      products.set(productOf: panel, with: gradients, firstColumn: first)
      each?(rows, products.view[columns: first..<first + rows.count])
      sums.add(
        gradients, coefficients: products, firstColumn: first,
        factors: weights(rows).map { Float($0) }[...], areInCache: true)
    }
    sum = sums.total()
    return products
  }
}
