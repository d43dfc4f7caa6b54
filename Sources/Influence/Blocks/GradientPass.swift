public import Gradients
public import LinearAlgebra

/// Passes over the training gradients of one block: the only place where estimators meet G.
///
/// Rows are read in chunks whose borders depend on the shapes alone. Each product is a sum over
/// chunks or a concatenation of them, and what crosses rows goes through a `Reduction`, so an out-of-core
/// or distributed run computes the same thing.
public struct GradientPass<Element: Scalar>: Sendable {
  /// The training gradients.
  public let store: GradientStore
  /// Which block.
  public let block: Int
  /// Reads ahead and counts; nil where nobody asks.
  var monitor: PassMonitor?
  /// Brings together what other processes make of their rows.
  var reduction: any Reduction = WholeRows()
  /// Whether products with queries may be kept for all training examples; otherwise nothing is kept that takes
  /// memory for each of them.
  var keepsProducts = true

  /// Bytes of a chunk that must be converted before use: it is read once more while in cache.
  static func convertedChunkBytes(queries: Int) -> Int { queries < 16 ? 1 << 19 : 4 << 20 }

  /// Bytes of a chunk that is looked at in place: what is waited for, and counted, at a time.
  static var plainChunkBytes: Int { 64 << 20 }

  var width: Int { store.layout.blocks[block].width }

  /// Calls `body` with chunk after chunk of the rows that this process reads.
  ///
  /// - Parameters:
  ///   - size: Rows in a chunk.
  ///   - rowOperations: Operations that the body spends on a row.
  ///   - asQueries: Whether the rows are not multiplied with queries, but are queries themselves: then
  ///     every process reads them all.
  ///   - range: Which of the store's rows; all unless given. Chunks have the borders that they have among all rows.
  func forEachChunk(
    of size: Int, rowOperations: Double, asQueries: Bool = false, in range: Range<Int>? = nil,
    _ body: (Range<Int>, MatrixView<Element>) throws -> Void
  ) throws {
    var buffer = Matrix<Element>.zeros(0, 0)
    for rows in chunks(of: size, asQueries: asQueries, in: range) {
      monitor?.willRead(rows, ofBlock: block)
      try body(rows, try store.rows(rows, of: block, reusing: &buffer))
      monitor?.didRead(rows, ofBlock: block, operations: Double(rows.count) * rowOperations)
    }
  }

  /// The chunks of the store's rows that this process reads.
  func chunks(
    of size: Int, asQueries: Bool = false, in range: Range<Int>? = nil
  ) -> [Range<Int>] {
    let mine = (asQueries ? 0..<store.count : reduction.rows(of: store.count))
      .clamped(to: range ?? 0..<store.count)
    return store.chunks(of: size).map { $0.clamped(to: mine) }.filter { !$0.isEmpty }
  }

  /// Y = A·Gᵀ.
  ///
  /// - Parameter left: A, `m × d`.
  /// - Returns: `m × n`.
  /// - Complexity: 2mnd operations, one pass.
  public func products(_ left: MatrixView<Element>) throws -> Matrix<Element> {
    var products = try products(left, with: 0..<store.count)
    try reduction.gather(columnsOf: &products)
    return products
  }

  /// Y = A·Gᵀ for some rows of G: the columns of those that this process reads.
  ///
  /// - Parameters:
  ///   - left: A, `m × d`.
  ///   - range: The rows.
  /// - Returns: `m × rows`.
  func products(
    _ left: MatrixView<Element>, with range: Range<Int>
  ) throws -> Matrix<Element> {
    if let (pass, rows) = panelPass(left, most: VectorPanel.mostVectors),
      let products = try pass.panelProducts(rows, with: range) as? Matrix<Element>
    {
      return products
    }
    var products = Matrix<Element>.zeros(left.rows, range.count)
    let rowBytes = max(1, width * MemoryLayout<Element>.stride)
    let chunkBytes =
      store.chunksAreReadInPlace(of: block, as: Element.self)
      ? Self.plainChunkBytes : Self.convertedChunkBytes(queries: left.rows)
    try forEachChunk(
      of: max(16, chunkBytes / rowBytes), rowOperations: Double(2 * left.rows * width), in: range
    ) { rows, gradients in
      products.set(
        product: left, gradients.transposed, firstColumn: rows.lowerBound - range.lowerBound)
    }
    return products
  }

  /// The same pass for products of a few rows in single precision, which read rows as they are stored; nil
  /// for others, which BLAS multiplies faster.
  func panelPass(
    _ left: MatrixView<Element>, most: Int
  ) -> (pass: GradientPass<Float>, rows: MatrixView<Float>)? {
    guard left.rows <= most, let pass = self as? GradientPass<Float>,
      let rows = left as? MatrixView<Float>
    else { return nil }
    return (pass, rows)
  }

  /// Z + A·G for a given Z.
  ///
  /// - Parameters:
  ///   - coefficients: A, `m × n`.
  ///   - sum: Z, `m × d`.
  /// - Complexity: 2mnd operations, one pass.
  func addPullBack(_ coefficients: Matrix<Element>, to sum: inout Matrix<Element>) throws {
    let rowBytes = max(1, width * MemoryLayout<Element>.stride)
    let ones = [Element](repeating: 1, count: store.count)
    // Z counts once, in the process that has the first row.
    if !reduction.rows(of: store.count).contains(0) { sum = .zeros(sum.rows, sum.columns) }
    if let (pass, _) = panelPass(sum.view, most: PullBackSum.mostVectors),
      let single = coefficients as? Matrix<Float>,
      var given = sum as? Matrix<Float>
    {
      try pass.addPanelPullBack(single, to: &given)
      sum = Matrix<Element>(converting: given)
      try reduction.sum(&sum)
      return
    }
    try forEachChunk(
      of: max(256, Self.convertedChunkBytes(queries: sum.rows) / rowBytes),
      rowOperations: Double(2 * sum.rows * width)
    ) { rows, gradients in
      sum.add(product: coefficients.selecting(columns: rows, scaledBy: ones).view, gradients)
    }
    try reduction.sum(&sum)
  }

  /// Passes over the same gradients in double precision.
  var inDouble: GradientPass<Double> {
    GradientPass<Double>(
      store: store, block: block, monitor: monitor, reduction: reduction,
      keepsProducts: keepsProducts)
  }

  /// Z + A·Gᵀ for a given Z, without room for the product itself.
  ///
  /// - Parameters:
  ///   - left: A, `m × d`; many rows.
  ///   - sum: Z, `m × n`, to which the products are added in double precision.
  /// - Complexity: 2mnd operations, one pass.
  func addProducts(_ left: MatrixView<Element>, to sum: inout Matrix<Double>) throws {
    let rowBytes = max(1, width * MemoryLayout<Element>.stride)
    let chunkRows = Self.convertedChunkBytes(queries: left.rows) / rowBytes
    try forEachChunk(
      of: max(64, min(1024, chunkRows)), rowOperations: Double(2 * left.rows * width)
    ) { rows, gradients in
      sum.add(Matrix(product: left, gradients.transposed), firstColumn: rows.lowerBound)
    }
    try reduction.gather(columnsOf: &sum)
  }

  /// K = G·Gᵀ, `n × n`, summed in double precision.
  ///
  /// - Complexity: n²d operations; reads panels of all rows.
  package func kernel() throws -> Matrix<Double> { try kernelSum().matrix() }

  /// K as a sum of which one triangle is there.
  ///
  /// - Complexity: n²d operations; reads panels of all rows. See ``factoredKernelSum()`` for rows that are kept as factors.
  func kernelSum() throws -> SymmetricAccumulator {
    if let sum = try factoredKernelSum() { return sum }
    var sum = SymmetricAccumulator(order: store.count)
    let panel =
      store.isDirectlyReadable(as: Element.self)
      ? width
      : max(256, min(2048, (64 << 20) / max(1, store.count * MemoryLayout<Element>.stride)))
    var buffer = Matrix<Element>.zeros(0, 0)
    let rows = reduction.rows(of: store.count)
    for first in stride(from: 0, to: width, by: max(panel, 1)) {
      let columns = first..<min(width, first + panel)
      monitor?.willRead(rows, ofBlock: block)
      sum.add(
        gramOf: try reduction.gather(
          rowsOf: try store.rows(rows, of: block, columns: columns, reusing: &buffer)))
      let (n, d) = (Double(store.count), Double(columns.count))
      monitor?.didRead(
        rows, ofBlock: block, share: d / Double(width), operations: n * n * d)
    }
    return sum
  }

  /// F = GᵀG/n, `d × d`, summed in double precision.
  ///
  /// - Complexity: nd² operations, one pass.
  func fisher() throws -> Matrix<Double> {
    var fisher = try secondMoment()
    fisher.scale(by: 1 / Double(store.count))
    return fisher
  }

  /// GᵀG or Gᵀ·diag(w)·G, `d × d`, summed in double precision.
  ///
  /// - Parameter weights: w of some training examples, none negative; all 1 unless given.
  /// - Complexity: nd² operations, one pass.
  func secondMoment(weights: ((Range<Int>) -> [Double])? = nil) throws -> Matrix<Double> {
    var moment = try secondMomentSum(weights: weights).matrix()
    try reduction.sum(&moment)
    return moment
  }

  /// The same of the rows that this process reads, as a sum of which one triangle is there.
  func secondMomentSum(weights: ((Range<Int>) -> [Double])? = nil) throws -> SymmetricAccumulator {
    var sum = SymmetricAccumulator(order: width)
    let rowBytes = max(1, width * MemoryLayout<Element>.stride)
    // Rows that are read where they lie are multiplied as many at a time as one product sums over.
    let chunkRows =
      weights == nil && store.chunksAreReadInPlace(of: block, as: Element.self)
      ? SymmetricAccumulator.panelDepth : max(256, (8 << 20) / rowBytes)
    try forEachChunk(of: chunkRows, rowOperations: Double(width * width)) { rows, gradients in
      if let weights {
        var scaled = Matrix(gradients)
        scaled.scaleRows(by: weights(rows).map { Element($0.squareRoot()) })
        sum.add(gramOf: scaled.transposed)
      } else {
        sum.add(gramOf: gradients.transposed)
      }
    }
    return sum
  }
}
