internal import COpenBLAS

/// The decomposition A = Σⱼ λⱼ·uⱼ·uⱼᵀ of a symmetric matrix.
///
/// LAPACK's divide-and-conquer `syevd`. Eigenvectors are rows, so that coordinates in the eigenbasis
/// are `x · vectorsᵀ`, a product of rows with rows.
public struct SymmetricEigendecomposition<Element: Scalar>: Sendable {
  /// The n eigenvalues, ascending.
  public let values: [Element]
  /// The eigenvectors, `n × n`: row j belongs to `values[j]`, and rows are orthonormal.
  public let vectors: Matrix<Element>

  /// Past this order the 32-bit workspace size 2n² + 6n + 1 of `syevd` overflows.
  public static var largestOrder: Int { 32_766 }

  /// Decomposes a symmetric matrix, of which the lower triangle is read.
  ///
  /// - Parameter matrix: `n × n`; its storage is reused if nobody else holds it.
  /// - Complexity: about 9n³ operations, and 2n² elements of workspace.
  public init(decomposing matrix: consuming Matrix<Element>) throws(FactorizationError) {
    precondition(matrix.isSquare, "eigenvalues of a \(matrix.rows) × \(matrix.columns) matrix")
    var vectors = matrix
    let order = vectors.rows
    guard order <= Self.largestOrder else {
      throw .tooLarge(order: order, limit: Self.largestOrder)
    }
    guard vectors.hasFiniteLowerTriangle() else { throw .notFinite(order: order) }
    var values = [Element](repeating: 0, count: order)
    let info = unsafe values.withUnsafeMutableBufferPointer { valueBuffer in
      unsafe vectors.elements.withUnsafeMutableBufferPointer { buffer in
        OpenBLASThreads.threaded {
          unsafe Element.kernels.syevd(
            LAPACK_COL_MAJOR, CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "U")), blas(order),
            buffer.baseAddress, blas(max(order, 1)), valueBuffer.baseAddress)
        }
      }
    }
    try checkLAPACK(info, order: order) { .didNotConverge(unconverged: $0, order: order) }
    self.values = values
    self.vectors = vectors
  }

  /// Takes a decomposition that was computed before.
  ///
  /// - Parameters:
  ///   - values: The n eigenvalues, ascending.
  ///   - vectors: The eigenvectors, `n × n`, one per row.
  public init(values: [Element], vectors: Matrix<Element>) {
    precondition(
      vectors.isSquare && vectors.rows == values.count,
      "\(vectors.rows) × \(vectors.columns) eigenvectors for \(values.count) eigenvalues")
    self.values = values
    self.vectors = vectors
  }

  /// The order n of the matrix.
  public var order: Int { values.count }
}
