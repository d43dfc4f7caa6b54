internal import COpenBLAS

/// The factorization A = L·Lᵀ of a symmetric positive definite matrix.
///
/// LAPACK's `potrf` on diagonal blocks of the row-major lower triangle, which it sees as the upper triangle
/// of a column-major matrix: no transposed copy is made. Between them products and triangular solves, shared among
/// threads; how they are cut depends on the order alone, so the factor is the same bit for bit for any number of threads.
public struct Cholesky<Element: Scalar>: Sendable {
  /// L in the lower triangle, `n × n`; what stands above the diagonal means nothing.
  ///
  /// It may lie in a mapped file, and is then read where it is.
  public let triangle: MatrixView<Element>

  /// L in the lower triangle, as a matrix of its own.
  public var factor: Matrix<Element> { Matrix(triangle) }

  /// The order n of the matrix.
  public var order: Int { triangle.rows }

  /// Takes a factor that was computed before.
  ///
  /// - Parameter triangle: L in the lower triangle, `n × n`, row-major; it is not copied.
  public init(triangle: MatrixView<Element>) {
    precondition(
      triangle.rows == triangle.columns && !triangle.isTransposed,
      "a Cholesky factor of \(triangle.rows) × \(triangle.columns) numbers")
    self.triangle = triangle
  }

  /// Factorises a symmetric positive definite matrix, of which the lower triangle is read.
  ///
  /// - Parameter matrix: `n × n`; its storage is reused if nobody else holds it.
  /// - Throws: ``FactorizationError/notPositiveDefinite(leadingMinor:order:)`` or
  ///   ``FactorizationError/notFinite(order:)``.
  /// - Complexity: n³/3 operations.
  public init(factoring matrix: consuming Matrix<Element>) throws(FactorizationError) {
    precondition(matrix.isSquare, "Cholesky of a \(matrix.rows) × \(matrix.columns) matrix")
    var factor = matrix
    let order = factor.rows
    guard factor.hasFiniteLowerTriangle() else { throw .notFinite(order: order) }
    let info = unsafe factor.elements.withUnsafeMutableBufferPointer { buffer -> Int32 in
      guard let base = buffer.baseAddress else { return 0 }
      return unsafe CholeskySteps(base: base, order: order).run()
    }
    try checkLAPACK(info, order: order) {
      .notPositiveDefinite(leadingMinor: $0, order: order)
    }
    // OpenBLAS takes a NaN pivot, which an overflow on the way can make, for a positive one.
    if let index = factor.diagonal.firstIndex(where: \.isNaN) {
      throw .notPositiveDefinite(leadingMinor: index + 1, order: order)
    }
    triangle = factor.view
  }

  /// Replaces each row x of `rows` by the solution of y·A = x, that is by x·A⁻¹.
  ///
  /// - Parameter rows: `m × n`, one right-hand side per row.
  /// - Complexity: 2mn² operations.
  public func solve(rows: inout Matrix<Element>) {
    solveTriangle(rows: &rows, transposed: true)
    solveTriangle(rows: &rows, transposed: false)
  }

  /// The rows of `rows · A⁻¹`; see ``solve(rows:)``.
  public func solution(rows: Matrix<Element>) -> Matrix<Element> {
    var result = rows
    solve(rows: &result)
    return result
  }

  /// Replaces each row x by x·L⁻ᵀ, whose squared norm is x·A⁻¹·xᵀ.
  ///
  /// - Complexity: mn² operations.
  public func whiten(rows: inout Matrix<Element>) { solveTriangle(rows: &rows, transposed: true) }

  /// The diagonal of A⁻¹.
  ///
  /// - Complexity: n³/3 operations.
  public func inverseDiagonal() throws(FactorizationError) -> [Element] {
    var inverse = Matrix(triangle)
    let info = unsafe inverse.elements.withUnsafeMutableBufferPointer { buffer in
      OpenBLASThreads.threaded {
        unsafe Element.kernels.trtri(
          LAPACK_COL_MAJOR, CChar(UInt8(ascii: "U")), CChar(UInt8(ascii: "N")), blas(order),
          buffer.baseAddress, blas(max(order, 1)))
      }
    }
    try checkLAPACK(info, order: order) { .singular(pivot: $0, order: order) }
    // A⁻¹ = L⁻ᵀL⁻¹: its diagonal holds the squared norms of the columns of L⁻¹.
    var diagonal = [Element](repeating: 0, count: order)
    for row in 0..<order {
      for column in 0...row {
        let value = inverse.elements[row * order + column]
        diagonal[column] += value * value
      }
    }
    return diagonal
  }

  /// x ← x·L⁻ᵀ or x·L⁻¹ for each row; rows are shared among threads.
  private func solveTriangle(rows: inout Matrix<Element>, transposed: Bool) {
    precondition(
      rows.columns == order, "right-hand sides of \(rows.columns) elements for order \(order)")
    guard rows.rows > 0, order > 0 else { return }
    let count = rows.rows
    let rowsPerPiece = count < 4 ? 1 : min(128, max(4, (count + 3) / 4))
    let operation = transposed ? CblasTrans : CblasNoTrans
    let order = order
    let stride = triangle.rowStride
    unsafe triangle.storage.withPointer(at: triangle.offset) { factor in
      unsafe rows.elements.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        let output = unsafe OutputRegion(base: base, stride: order)
        let input = unsafe InputRegion(base: factor, stride: stride, isTransposed: false)
        Parallelism.forEach((count + rowsPerPiece - 1) / rowsPerPiece) { piece in
          _ = OpenBLASThreads.off
          let first = piece * rowsPerPiece
          let pieceRows = min(rowsPerPiece, count - first)
          let target = unsafe output.base + first * order
          if pieceRows == 1 {
            // One row: x·L⁻ᵀ is the solution of L·y = xᵀ.
            unsafe Element.kernels.trsv(
              CblasRowMajor, CblasLower, transposed ? CblasNoTrans : CblasTrans, CblasNonUnit,
              blas(order), input.base, blas(input.stride), target, 1)
          } else {
            unsafe Element.kernels.trsm(
              CblasRowMajor, CblasRight, CblasLower, operation, CblasNonUnit, blas(pieceRows),
              blas(order), 1, input.base, blas(input.stride), target, blas(order))
          }
        }
      }
    }
  }
}

/// How a Cholesky factorization is cut.
private enum CholeskyCut {
  /// Columns of a panel.
  static let panel = 256
  /// Rows of a piece of a panel.
  static let pieceRows = 384
}

/// A Cholesky factorization in place, a panel of columns after the other, each from all that are left of it.
///
/// Every panel is one deep product for each piece of its rows, which are shared among threads; the diagonal block
/// alone is factorised by one.
@unsafe
private struct CholeskySteps<Element: Scalar>: @unchecked Sendable {
  let base: UnsafeMutablePointer<Element>
  let order: Int

  /// - Returns: LAPACK's status: 0, or the order of the leading minor that is not positive definite.
  func run() -> Int32 {
    _ = OpenBLASThreads.off
    let order = unsafe order
    for first in stride(from: 0, to: order, by: CholeskyCut.panel) {
      let width = min(CholeskyCut.panel, order - first)
      let rows = order - first
      // The diagonal block is a piece of its own, of which the lower triangle counts.
      let pieces = 1 + (rows - width + CholeskyCut.pieceRows - 1) / CholeskyCut.pieceRows
      if first > 0 {
        Parallelism.forEach(pieces) { unsafe subtract($0, first, width) }
      }
      let info = unsafe Element.kernels.potrf(
        LAPACK_COL_MAJOR, CChar(UInt8(ascii: "U")), blas(width), at(first, first), blas(order))
      guard info == 0 else { return info > 0 ? info + blas(first) : info }
      Parallelism.forEach(pieces - 1) { unsafe solve($0 + 1, first, width) }
    }
    return 0
  }

  private func at(_ row: Int, _ column: Int) -> UnsafeMutablePointer<Element> {
    unsafe base + row * order + column
  }

  /// The first row and the number of rows of a piece.
  private func rows(of piece: Int, _ first: Int, _ width: Int) -> (row: Int, count: Int) {
    guard piece > 0 else { return (first, width) }
    let row = first + width + (piece - 1) * CholeskyCut.pieceRows
    return (row, unsafe min(CholeskyCut.pieceRows, order - row))
  }

  /// A₂ ← A₂ − L₁·L₂ᵀ for a piece's rows, L₁ and L₂ being what stands left of them and of the diagonal block.
  private func subtract(_ piece: Int, _ first: Int, _ width: Int) {
    let (row, count) = unsafe rows(of: piece, first, width)
    if piece == 0 {
      unsafe Element.kernels.syrk(
        CblasRowMajor, CblasLower, CblasNoTrans, blas(width), blas(first), -1, at(first, 0),
        blas(order), 1, at(first, first), blas(order))
    } else {
      unsafe Element.kernels.gemm(
        CblasRowMajor, CblasNoTrans, CblasTrans, blas(count), blas(width), blas(first), -1,
        at(row, 0), blas(order), at(first, 0), blas(order), 1, at(row, first), blas(order))
    }
  }

  /// A piece's rows of the panel, times L⁻ᵀ of the diagonal block.
  private func solve(_ piece: Int, _ first: Int, _ width: Int) {
    let (row, count) = unsafe rows(of: piece, first, width)
    unsafe Element.kernels.trsm(
      CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, blas(count), blas(width), 1,
      at(first, first), blas(order), at(row, first), blas(order))
  }
}

/// The one place where LAPACK's status becomes an error: below zero is a bug here, unless the
/// wrapper found NaN; above zero is a property of the matrix.
func checkLAPACK(
  _ info: Int32, order: Int, _ failure: (Int) -> FactorizationError
) throws(FactorizationError) {
  if info == 0 { return }
  if info > 0 { throw failure(Int(info)) }
  // LAPACKE reports a NaN in the matrix argument as that argument's (negative) number.
  if info > -1000 { throw .notFinite(order: order) }
  preconditionFailure("LAPACK could not allocate its workspace (status \(info))")
}

extension Matrix {
  /// Whether no element on or below the diagonal is NaN or infinite: what every factorization of a
  /// symmetric matrix asks first.
  @specialized(where Element == Double)
  @specialized(where Element == Float)
  func hasFiniteLowerTriangle() -> Bool {
    for row in 0..<rows {
      for index in row * columns..<row * columns + min(row + 1, columns)
      where !elements[index].isFinite { return false }
    }
    return true
  }
}
