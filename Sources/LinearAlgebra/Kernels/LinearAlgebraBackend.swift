internal import COpenBLAS

/// The library that does the arithmetic, for the record of a run.
public enum LinearAlgebraBackend {
  /// OpenBLAS's version, build options and the processor it chose kernels for.
  public static var description: String {
    guard let configuration = unsafe openblas_get_config(),
      let core = unsafe openblas_get_corename()
    else {
      return "OpenBLAS"
    }
    return unsafe "\(String(cString: configuration)), running \(String(cString: core))"
  }
}
