internal import COpenBLAS

extension Matrix {
  /// The product `a · b` of `m × k` and `k × n`, in 2mnk operations.
  public init(product a: MatrixView<Element>, _ b: MatrixView<Element>) {
    self = .zeros(a.rows, b.columns)
    set(product: a, b)
  }

  /// Replaces a region with `scale · a · b`.
  ///
  /// - Parameters:
  ///   - a: `m × k`.
  ///   - b: `k × n`.
  ///   - scale: A factor for every element of the product.
  ///   - firstRow: Where the `m × n` region starts.
  ///   - firstColumn: Where the `m × n` region starts.
  /// - Complexity: 2mnk operations.
  public mutating func set(
    product a: MatrixView<Element>, _ b: MatrixView<Element>, scale: Element = 1,
    firstRow: Int = 0, firstColumn: Int = 0
  ) {
    multiply(a, b, scale: scale, keeping: 0, firstRow: firstRow, firstColumn: firstColumn)
  }

  /// Adds `scale · a · b` to a region; see ``set(product:_:scale:firstRow:firstColumn:)``.
  public mutating func add(
    product a: MatrixView<Element>, _ b: MatrixView<Element>, scale: Element = 1,
    firstRow: Int = 0, firstColumn: Int = 0
  ) {
    multiply(a, b, scale: scale, keeping: 1, firstRow: firstRow, firstColumn: firstColumn)
  }

  /// Places the inner products of every vector of a panel with some rows into columns of this matrix.
  ///
  /// Each product has an order of additions that depends on the number of columns alone: not on
  /// other vectors or rows, nor on threads.
  ///
  /// - Parameters:
  ///   - panel: m vectors of d columns.
  ///   - rows: `n × d`.
  ///   - firstColumn: Where the first row's products go; n columns of the first m rows are replaced.
  ///   - instructions: Which instructions to run.
  /// - Complexity: 2mnd operations, one reading of the rows.
  package mutating func set(
    productOf panel: VectorPanel, with rows: StoredRows, firstColumn: Int = 0,
    instructions: VectorInstructions = .chosen
  ) where Element == Float {
    precondition(
      rows.columns == panel.columns, "\(rows.columns) columns meet vectors of \(panel.columns)")
    precondition(
      firstColumn >= 0 && firstColumn + rows.rows <= columns && panel.count <= self.rows,
      "\(panel.count) × \(rows.rows) products do not fit into \(self.rows) × \(columns)")
    let width = columns
    guard panel.columns > 0 else {
      for row in 0..<panel.count {
        for column in 0..<rows.rows { elements[row * width + firstColumn + column] = 0 }
      }
      return
    }
    unsafe elements.withUnsafeMutableBufferPointer { target in
      guard let target = target.baseAddress else { return }
      unsafe panel.multiply(rows, into: target + firstColumn, stride: width, instructions)
    }
  }

  /// The one place that multiplies: cuts the product into pieces by its shape and runs them.
  private mutating func multiply(
    _ a: MatrixView<Element>, _ b: MatrixView<Element>, scale: Element, keeping: Element,
    firstRow: Int, firstColumn: Int
  ) {
    precondition(
      a.columns == b.rows,
      "cannot multiply \(a.rows) × \(a.columns) by \(b.rows) × \(b.columns)")
    precondition(
      firstRow >= 0 && firstColumn >= 0 && firstRow + a.rows <= rows
        && firstColumn + b.columns <= columns,
      "a product of \(a.rows) × \(b.columns) at (\(firstRow), \(firstColumn)) does not fit into \(rows) × \(columns)"
    )
    guard a.rows > 0, b.columns > 0 else { return }
    let width = columns
    let start = firstRow * width + firstColumn
    guard a.columns > 0 else {
      if keeping == 0 {
        for row in 0..<a.rows {
          for column in 0..<b.columns { elements[start + row * width + column] = 0 }
        }
      }
      return
    }
    let plan = ProductPlan(
      rows: a.rows, columns: b.columns, depth: a.columns, isRightTransposed: b.isTransposed)
    if plan.takesPanel, scale == 1, keeping == 0, let left = a as? MatrixView<Float>,
      let right = b.transposed as? MatrixView<Float>
    {
      unsafe elements.withUnsafeMutableBytes { bytes in
        guard let base = unsafe bytes.assumingMemoryBound(to: Float.self).baseAddress else {
          return
        }
        unsafe VectorPanel(left).multiply(StoredRows(right), into: base + start, stride: width)
      }
      return
    }
    unsafe elements.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      let output = unsafe OutputRegion(base: base + start, stride: width)
      unsafe a.storage.withPointer(at: a.offset) { left in
        unsafe b.storage.withPointer(at: b.offset) { right in
          let left = unsafe InputRegion(
            base: left, stride: a.rowStride, isTransposed: a.isTransposed)
          let right = unsafe InputRegion(
            base: right, stride: b.rowStride, isTransposed: b.isTransposed)
          Parallelism.forEach(plan.pieceCount) { piece in
            unsafe plan.run(
              piece, left, right, scale: scale, keeping: keeping, into: output)
          }
        }
      }
    }
  }
}

/// A factor as the kernels see it.
@unsafe
struct InputRegion<Element: Scalar>: @unchecked Sendable {
  let base: UnsafePointer<Element>?
  let stride: Int
  let isTransposed: Bool

  func pointer(_ row: Int, _ column: Int) -> UnsafePointer<Element>? {
    unsafe base.map { unsafe $0 + (isTransposed ? column * stride + row : row * stride + column) }
  }

  var operation: CBLAS_TRANSPOSE { unsafe isTransposed ? CblasTrans : CblasNoTrans }
}

/// Where a product goes; pieces write disjoint parts of it.
@unsafe
struct OutputRegion<Element: Scalar>: @unchecked Sendable {
  let base: UnsafeMutablePointer<Element>
  let stride: Int
}

/// How one product is cut into pieces that threads take in turn.
///
/// The cut follows from the shape alone, never from the number of threads. A few rows in single precision
/// times the transpose of many go to a ``VectorPanel``, which packs nothing; what follows is about the
/// rest, which goes to BLAS. One row times a matrix is a matrix–vector product. A few rows (under 16) go in pieces small enough for the kernels that
/// skip packing, which OpenBLAS has for AVX-512 processors and uses up to rows · columns · depth of
/// 10⁶; elsewhere small pieces cost nothing. From 16 rows up, wide pieces amortise packing and run near peak; inside a
/// piece of other parallel work there is nobody to share with, and such a product stays whole.
struct ProductPlan: Sendable {
  let rows: Int
  let columns: Int
  let depth: Int
  /// Whether a ``VectorPanel`` is faster than BLAS, in single precision: the right factor's columns lie in memory
  /// one after the other, and there are enough of them for laying out the left factor.
  let takesPanel: Bool
  private let tileRows: Int
  private let tileColumns: Int
  private let tileDepth: Int

  /// OpenBLAS multiplies without packing up to this many multiply–adds.
  private static let unpackedLimit = 1_000_000
  /// Dimensions and strides of one call fit a 32-bit BLAS integer with room to spare.
  private static let largestTile = 1 << 30

  init(rows: Int, columns: Int, depth: Int, isRightTransposed: Bool) {
    self.rows = rows
    self.columns = columns
    self.depth = depth
    takesPanel =
      isRightTransposed && rows <= VectorPanel.mostVectors && columns >= 32 && depth >= 64
    if rows == 1 {
      tileRows = 1
      tileColumns = isRightTransposed ? 64 : 4096
      tileDepth = isRightTransposed ? Self.largestTile : 64
    } else if columns == 1 {
      tileRows = 64
      tileColumns = 1
      tileDepth = Self.largestTile
    } else if rows < 16 {
      tileRows = rows
      tileColumns = isRightTransposed ? 64 : 1024
      tileDepth = max(64, Self.unpackedLimit / (rows * tileColumns))
    } else {
      // Tall or square outputs are cut by rows, wide ones by columns, in at least four pieces
      // where the product is large enough to share.
      let isLarge =
        !Parallelism.isNested && Double(rows) * Double(columns) * Double(depth) > 4e6
      let longest = max(rows, columns)
      let cut = isLarge ? max(64, min(1024, (longest + 3) / 4)) : Self.largestTile
      let across = isLarge ? 1024 : Self.largestTile
      tileRows = rows >= columns ? cut : across
      tileColumns = rows >= columns ? across : cut
      tileDepth = Self.largestTile
    }
  }

  private var columnTiles: Int { (columns + tileColumns - 1) / tileColumns }

  var pieceCount: Int { (rows + tileRows - 1) / tileRows * columnTiles }

  /// Computes one piece: output ← scale · left · right + keeping · output.
  @unsafe
  func run<Element: Scalar>(
    _ piece: Int, _ left: InputRegion<Element>, _ right: InputRegion<Element>, scale: Element,
    keeping: Element, into output: OutputRegion<Element>
  ) {
    _ = OpenBLASThreads.off
    let firstRow = piece / columnTiles * tileRows
    let firstColumn = piece % columnTiles * tileColumns
    let rowCount = min(tileRows, rows - firstRow)
    let columnCount = min(tileColumns, columns - firstColumn)
    let target = unsafe output.base + firstRow * output.stride + firstColumn
    var firstDepth = 0
    while firstDepth < depth {
      let depthCount = min(tileDepth, depth - firstDepth)
      let keeping = firstDepth == 0 ? keeping : 1
      let a = unsafe left.pointer(firstRow, firstDepth)
      let b = unsafe right.pointer(firstDepth, firstColumn)
      if rowCount == 1 {
        // A row times a matrix: yᵀ = xᵀB, that is y = Bᵀx.
        unsafe Element.kernels.gemv(
          CblasRowMajor, right.isTransposed ? CblasNoTrans : CblasTrans,
          right.isTransposed ? blas(columnCount) : blas(depthCount),
          right.isTransposed ? blas(depthCount) : blas(columnCount), scale, b,
          leading(right, depthCount, columnCount), a, left.isTransposed ? blas(left.stride) : 1,
          keeping, target, 1)
      } else if columnCount == 1 {
        unsafe Element.kernels.gemv(
          CblasRowMajor, left.operation, left.isTransposed ? blas(depthCount) : blas(rowCount),
          left.isTransposed ? blas(rowCount) : blas(depthCount), scale, a,
          leading(left, rowCount, depthCount), b, right.isTransposed ? 1 : blas(right.stride),
          keeping, target, blas(output.stride))
      } else {
        unsafe Element.kernels.gemm(
          CblasRowMajor, left.operation, right.operation, blas(rowCount), blas(columnCount),
          blas(depthCount), scale, a, leading(left, rowCount, depthCount), b,
          leading(right, depthCount, columnCount), keeping, target, blas(output.stride))
      }
      firstDepth += depthCount
    }
  }

  /// A leading dimension: BLAS wants at least the stored width, even of a single row.
  @unsafe
  private func leading<Element>(_ region: InputRegion<Element>, _ rows: Int, _ columns: Int)
    -> Int32
  {
    unsafe blas(max(region.stride, region.isTransposed ? rows : columns))
  }
}

/// A size as a 32-bit BLAS integer; sizes past it are cut into tiles, and strides past it refused.
func blas(_ size: Int) -> Int32 {
  precondition(
    size <= Int(Int32.max),
    "a row stride of \(size) elements does not fit a 32-bit BLAS integer; store fewer columns a file"
  )
  return Int32(size)
}
