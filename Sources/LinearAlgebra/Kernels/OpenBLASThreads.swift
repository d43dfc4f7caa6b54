internal import COpenBLAS
import Synchronization

/// OpenBLAS's own threads: off, but for a factorization of one large matrix.
enum OpenBLASThreads {
  /// The cores in this process's affinity mask.
  static let usableCores = max(1, Int(openblas_get_num_procs()))

  private static let lock = Mutex<Void>(())

  /// Turns OpenBLAS's threads off, once; every kernel call does this first.
  static let off: Void = openblas_set_num_threads(1)

  /// Ends the threads that OpenBLAS made when it was loaded.
  ///
  /// For a program's first line alone: a thread that is ended takes the work with it that others have given it.
  static func endIdle() {
    // In this order: setting the number starts threads where there are none.
    _ = off
    influence_end_idle_threads()
  }

  /// Runs one LAPACK call with OpenBLAS's own threads, unless the caller is itself one of many.
  static func threaded<Result>(_ body: () -> Result) -> Result {
    _ = off
    guard !Parallelism.isNested, Parallelism.threads > 1 else { return body() }
    return lock.withLock { _ in
      openblas_set_num_threads(Int32(clamping: Parallelism.threads))
      defer { openblas_set_num_threads(1) }
      return body()
    }
  }
}
