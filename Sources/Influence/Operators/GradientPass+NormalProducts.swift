import Gradients
public import LinearAlgebra

extension GradientPass {
  /// Y = A·Gᵀ, and Z + α·Y·diag(w)·G for a given Z, in one pass.
  ///
  /// Each chunk of rows is used twice while it is in cache.
  ///
  /// - Parameters:
  ///   - left: A, `m × d`.
  ///   - weights: w, one per training example.
  ///   - scale: α; apart from the weights, whose products with Y stay near one.
  ///   - sum: Z, `m × d`, to which the weighted pull-back is added.
  /// - Returns: Y, `m × n`.
  /// - Complexity: 4mnd operations, one pass.
  public func normalProducts(
    _ left: MatrixView<Element>, weights: [Double], scale: Double,
    addingTo sum: inout Matrix<Element>
  ) throws -> Matrix<Element> {
    try normalProducts(left, weights: { Array(weights[$0]) }, scale: scale, addingTo: &sum)
  }

  /// The same with weights that are made when they are asked for.
  func normalProducts(
    _ left: MatrixView<Element>, weights: (Range<Int>) -> [Double], scale: Double,
    addingTo sum: inout Matrix<Element>
  ) throws -> Matrix<Element> {
    let products = try addNormalProducts(
      left, weights: weights, scale: scale, to: &sum, keepsProducts: true)
    guard var products else { preconditionFailure("products were to be kept") }
    try reduction.gather(columnsOf: &products)
    return products
  }

  /// Y = A·Gᵀ for some rows of G, to the bits that ``normalProducts(_:weights:scale:addingTo:)`` gives.
  ///
  /// - Parameters:
  ///   - left: A, `m × d`.
  ///   - range: The rows.
  /// - Returns: `m × rows`.
  func normalProducts(
    _ left: MatrixView<Element>, with range: Range<Int>
  ) throws -> Matrix<Element> {
    if let (pass, rows) = panelPass(left, most: PullBackSum.mostVectors),
      let products = try pass.panelProducts(rows, with: range) as? Matrix<Element>
    {
      return products
    }
    var products = Matrix<Element>.zeros(left.rows, range.count)
    var buffer = Matrix<Element>.zeros(0, 0)
    // Whole chunks, since a product's bits may depend on its shape.
    for rows in store.chunks(of: normalChunkRows(queries: left.rows)) where rows.overlaps(range) {
      monitor?.willRead(rows, ofBlock: block)
      let gradients = try store.rows(rows, of: block, reusing: &buffer)
      let common = rows.clamped(to: range)
      let first = common.lowerBound - rows.lowerBound
      products.place(
        Matrix(product: left, gradients.transposed).view[columns: first..<first + common.count],
        firstRow: 0, firstColumn: common.lowerBound - range.lowerBound)
      monitor?.didRead(
        rows, ofBlock: block, operations: Double(2 * rows.count * left.rows * width))
    }
    return products
  }

  /// Rows of a chunk that is used twice.
  ///
  /// Arithmetic hides the reading, and deeper products run nearer to peak; but converted rows are written
  /// and read again, and stay in cache.
  private func normalChunkRows(queries: Int) -> Int {
    let rowBytes = max(1, width * MemoryLayout<Element>.stride)
    return store.isDirectlyReadable(as: Element.self)
      ? 1024 : max(256, Self.convertedChunkBytes(queries: queries) / rowBytes)
  }

  /// Z + α·Y·diag(w)·G for a given Z, in one pass that keeps Y = A·Gᵀ of a chunk of rows at a time.
  ///
  /// - Parameters:
  ///   - left: A, `m × d`.
  ///   - weights: w of some training examples.
  ///   - scale: α.
  ///   - sum: Z, `m × d`.
  ///   - keepsProducts: Whether Y is kept, too.
  ///   - each: Called with Y of each chunk of rows.
  /// - Returns: The columns of Y of the rows that this process reads, if they are kept.
  /// - Complexity: 4mnd operations, one pass.
  @discardableResult
  func addNormalProducts(
    _ left: MatrixView<Element>, weights: (Range<Int>) -> [Double], scale: Double,
    to sum: inout Matrix<Element>, keepsProducts: Bool = false,
    each: ((Range<Int>, MatrixView<Element>) -> Void)? = nil
  ) throws -> Matrix<Element>? {
    // Z counts once, in the process that has the first row.
    if !reduction.rows(of: store.count).contains(0) { sum = .zeros(sum.rows, sum.columns) }
    if let (pass, rows) = panelPass(left, most: PullBackSum.mostVectors),
      var given = sum as? Matrix<Float>
    {
      let products = try pass.addPanelNormalProducts(
        rows, weights: weights, scale: scale, to: &given, keepsProducts: keepsProducts,
        each: each.map { each in
          { if let products = $1 as? MatrixView<Element> { each($0, products) } }
        })
      sum = Matrix<Element>(converting: given)
      try reduction.sum(&sum)
      return keepsProducts ? Matrix<Element>(converting: products) : nil
    }
    var kept = keepsProducts ? Matrix<Element>.zeros(left.rows, store.count) : nil
    try forEachChunk(
      of: normalChunkRows(queries: left.rows), rowOperations: Double(4 * left.rows * width)
    ) { rows, gradients in
      let products = Matrix(product: left, gradients.transposed)
      each?(rows, products.view)
      kept?.place(products.view, firstRow: 0, firstColumn: rows.lowerBound)
      let weighted = products.selecting(
        columns: 0..<rows.count, scaledBy: weights(rows).map { Element($0) })
      sum.add(product: weighted.view, gradients, scale: Element(scale))
    }
    try reduction.sum(&sum)
    return kept
  }
}
