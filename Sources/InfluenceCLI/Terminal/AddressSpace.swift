import Foundation
import InfluenceKit

/// The address space that the shell allows (`ulimit -v`), against what linear algebra takes.
///
/// OpenBLAS maps a buffer for each thread that multiplies, and where it cannot, it asks again for ever. So
/// commands that compute begin only where there is room.
enum AddressSpace {
  /// Bytes that OpenBLAS maps for each thread, and once more for a factorization.
  private static let bufferBytes = 128 << 20

  /// Refuses to begin where the buffers of linear algebra do not fit.
  ///
  /// - Throws: ``Failure/noMemory(_:)``.
  static func requireRoom() throws {
    guard let limit = SystemCalls.addressSpaceLimit() else { return }
    let threads = min(Parallelism.threads, Parallelism.coreCount)
    let needed = used + (threads + 1) * bufferBytes
    guard limit < needed else { return }
    let megabytes = (limit >> 20, (needed >> 20) + 1)
    throw Failure.noMemory(
      "the shell allows \(megabytes.0) MiB of memory (ulimit -v), and linear algebra on \(Counted(threads, "thread")) needs \(megabytes.1): raise the limit, or give a smaller number of --threads"
    )
  }

  /// Bytes of address space that are used already.
  private static var used: Int {
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    return (text.split(separator: " ").first.flatMap { Int($0) } ?? 0) * Int(getpagesize())
  }
}
