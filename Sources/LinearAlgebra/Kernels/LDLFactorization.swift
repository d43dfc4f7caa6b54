internal import COpenBLAS

/// The factorization A = P·L·D·Lᵀ·Pᵀ of a symmetric matrix that may be indefinite (Bunch–Kaufman).
///
/// LAPACK's `sytrf`; D has blocks of order 1 and 2, whose signs are the matrix's inertia.
public struct LDLFactorization<Element: Scalar>: Sendable {
  private let factor: Matrix<Element>
  private let pivots: [Int32]

  /// The order n of the matrix.
  public var order: Int { factor.rows }
  /// How many eigenvalues of the matrix are negative.
  public let negativeEigenvalues: Int

  /// Factorises a symmetric matrix, of which the lower triangle is read.
  ///
  /// - Throws: ``FactorizationError/singular(pivot:order:)`` or
  ///   ``FactorizationError/notFinite(order:)``.
  /// - Complexity: n³/3 operations.
  public init(factoring matrix: consuming Matrix<Element>) throws(FactorizationError) {
    precondition(matrix.isSquare, "LDLᵀ of a \(matrix.rows) × \(matrix.columns) matrix")
    var factor = matrix
    let order = factor.rows
    guard factor.hasFiniteLowerTriangle() else { throw .notFinite(order: order) }
    var pivots = [Int32](repeating: 0, count: order)
    guard order > 0 else {
      // LAPACK asks for a workspace of 0 elements and then refuses it.
      self.factor = factor
      self.pivots = pivots
      negativeEigenvalues = 0
      return
    }
    let info = unsafe pivots.withUnsafeMutableBufferPointer { pivotBuffer in
      unsafe factor.elements.withUnsafeMutableBufferPointer { buffer in
        OpenBLASThreads.threaded {
          unsafe Element.kernels.sytrf(
            LAPACK_COL_MAJOR, CChar(UInt8(ascii: "U")), blas(order), buffer.baseAddress,
            blas(max(order, 1)), pivotBuffer.baseAddress)
        }
      }
    }
    try checkLAPACK(info, order: order) { .singular(pivot: $0, order: order) }
    self.factor = factor
    self.pivots = pivots
    negativeEigenvalues = Self.countNegative(factor, pivots)
  }

  /// Replaces each row x of `rows` by x·A⁻¹.
  ///
  /// - Parameter rows: `m × n`, one right-hand side per row.
  /// - Complexity: 2mn² operations.
  public func solve(rows: inout Matrix<Element>) throws(FactorizationError) {
    precondition(
      rows.columns == order, "right-hand sides of \(rows.columns) elements for order \(order)")
    guard order > 0 else { return }
    let count = rows.rows
    let info = unsafe pivots.withUnsafeBufferPointer { pivotBuffer in
      unsafe factor.elements.withUnsafeBufferPointer { triangle in
        unsafe rows.elements.withUnsafeMutableBufferPointer { buffer in
          OpenBLASThreads.threaded {
            unsafe Element.kernels.sytrs(
              LAPACK_COL_MAJOR, CChar(UInt8(ascii: "U")), blas(order), blas(count),
              triangle.baseAddress, blas(max(order, 1)), pivotBuffer.baseAddress,
              buffer.baseAddress, blas(max(order, 1)))
          }
        }
      }
    }
    try checkLAPACK(info, order: order) { .singular(pivot: $0, order: order) }
  }

  /// Counts the negative eigenvalues of D: one for each negative 1 × 1 block, and one for each 2 × 2
  /// block, which Bunch–Kaufman pivoting makes indefinite.
  private static func countNegative(_ factor: Matrix<Element>, _ pivots: [Int32]) -> Int {
    var count = 0
    var index = 0
    while index < pivots.count {
      if pivots[index] > 0 {
        if factor[index, index] < 0 { count += 1 }
        index += 1
      } else {
        count += 1
        index += 2
      }
    }
    return count
  }
}
