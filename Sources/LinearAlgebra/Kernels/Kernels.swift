internal import COpenBLAS
public import RealModule

/// The BLAS and LAPACK routines for one element type, one per line.
///
/// The table is what makes the layers above generic without cost: a call goes through one stored
/// function pointer, and only this file and ``Scalar`` conformances know the C names. Members are
/// internal on purpose: safe functions beside this file are the way to reach them.
@unsafe
public struct Kernels<Element>: Sendable {
  typealias Input = UnsafePointer<Element>?
  typealias Output = UnsafeMutablePointer<Element>?
  typealias Size = Int32

  let gemm:
    @Sendable (
      CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, Size, Size, Size, Element, Input, Size, Input,
      Size, Element, Output, Size
    ) -> Void
  let gemv:
    @Sendable (
      CBLAS_ORDER, CBLAS_TRANSPOSE, Size, Size, Element, Input, Size, Input, Size, Element, Output,
      Size
    ) -> Void
  let syrk:
    @Sendable (
      CBLAS_ORDER, CBLAS_UPLO, CBLAS_TRANSPOSE, Size, Size, Element, Input, Size, Element, Output,
      Size
    ) -> Void
  let trsm:
    @Sendable (
      CBLAS_ORDER, CBLAS_SIDE, CBLAS_UPLO, CBLAS_TRANSPOSE, CBLAS_DIAG, Size, Size, Element, Input,
      Size, Output, Size
    ) -> Void
  let trsv:
    @Sendable (
      CBLAS_ORDER, CBLAS_UPLO, CBLAS_TRANSPOSE, CBLAS_DIAG, Size, Input, Size, Output, Size
    ) -> Void
  let dot: @Sendable (Input, Input, Int) -> Double
  let unpack:
    @Sendable (
      PackedFormat, UnsafeRawPointer, UnsafeMutablePointer<Element>, Int, Float, UnsafeRawPointer
    ) -> Void
  let potrf: @Sendable (Int32, CChar, Size, Output, Size) -> Size
  let trtri: @Sendable (Int32, CChar, CChar, Size, Output, Size) -> Size
  let syevd: @Sendable (Int32, CChar, CChar, Size, Output, Size, Output) -> Size
  let sytrf: @Sendable (Int32, CChar, Size, Output, Size, UnsafeMutablePointer<Int32>?) -> Size
  let sytrs:
    @Sendable (Int32, CChar, Size, Size, Input, Size, UnsafePointer<Int32>?, Output, Size) -> Size
  let rows: RowFunctions<Element>
}

extension Float: Scalar {
  /// The single-precision routines.
  public static var kernels: Kernels<Float> { unsafe table }

  private static let table = unsafe Kernels<Float>(
    gemm: cblas_sgemm, gemv: cblas_sgemv, syrk: cblas_ssyrk, trsm: cblas_strsm,
    trsv: cblas_strsv, dot: dotProduct(_:_:count:), unpack: unpack(_:_:_:count:scale:next:),
    potrf: LAPACKE_spotrf, trtri: LAPACKE_strtri, syevd: LAPACKE_ssyevd, sytrf: LAPACKE_ssytrf,
    sytrs: LAPACKE_ssytrs, rows: .with(.chosen))
}

extension Double: Scalar {
  /// The double-precision routines.
  public static var kernels: Kernels<Double> { unsafe table }

  private static let table = unsafe Kernels<Double>(
    gemm: cblas_dgemm, gemv: cblas_dgemv, syrk: cblas_dsyrk, trsm: cblas_dtrsm,
    trsv: cblas_dtrsv, dot: dotProduct(_:_:count:), unpack: unpack(_:_:_:count:scale:next:),
    potrf: LAPACKE_dpotrf, trtri: LAPACKE_dtrtri, syevd: LAPACKE_dsyevd, sytrf: LAPACKE_dsytrf,
    sytrs: LAPACKE_dsytrs, rows: .make())
}
