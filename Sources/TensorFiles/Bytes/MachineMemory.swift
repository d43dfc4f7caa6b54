import Foundation

/// The memory that this process can have, against which sizes are held before anything is allocated.
package enum MachineMemory {
  /// Bytes of the machine's memory, or of the address space that the process may have (`ulimit -v`) if
  /// that is less.
  package static let bytes = min(
    Int(clamping: ProcessInfo.processInfo.physicalMemory),
    SystemCalls.addressSpaceLimit() ?? .max)

  /// Whether an array of so many bytes leaves at least half of the memory for everything else.
  ///
  /// - Parameter factors: Counts and a number of bytes, none negative, whose product is the size; the product may be
  ///   more than an integer can hold.
  package static func holds(_ factors: Int...) -> Bool {
    if factors.contains(0) { return true }
    var size = 1
    for factor in factors {
      precondition(factor > 0, "a size of \(factors)")
      let (product, overflow) = size.multipliedReportingOverflow(by: factor)
      guard !overflow, product <= bytes / 2 else { return false }
      size = product
    }
    return true
  }
}
