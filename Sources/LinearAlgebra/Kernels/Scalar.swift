public import RealModule

/// A floating-point type that the BLAS and LAPACK kernels can compute with: `Float` or `Double`.
///
/// The protocol is closed: its requirement can be met only with a ``Kernels`` value, and nobody
/// outside this module can make one.
public protocol Scalar: Real, BinaryFloatingPoint, BitwiseCopyable, Sendable {
  /// The table of BLAS and LAPACK routines for this type.
  @unsafe static var kernels: Kernels<Self> { get }
}
