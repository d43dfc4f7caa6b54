import Foundation
import TensorFiles

/// How rows are counted, which makes them permanent.
extension GradientStoreWriter {
  /// Rows that would survive a crash now.
  public var committedCount: Int { manifest.rows }

  /// Makes the rows appended so far permanent.
  ///
  /// - Throws: ``GradientStoreError/notFinite(path:row:block:reason:)`` if a number was too large for
  ///   the stored type, or a file error. What was committed before stays as it was, and the writer
  ///   does not go on.
  public func commit() throws {
    try attempt {
      try gradients.synchronize()
      try scales?.synchronize()
      try appendNorms()
      try norms.synchronize()
      try examples.synchronize()
      let checksums = try checksumsOfAppended()
      // Only now may the rows be counted: every byte of theirs would survive a power cut.
      try record {
        $0.rows = count; $0.checksums = checksums; $0.fidelity = fidelity
      }
    }
  }

  /// Commits, and marks the store complete, which opens it to other writers.
  ///
  /// - Throws: What ``commit()`` throws.
  /// - Complexity: reads all of the gradients, for their checksum.
  public func finish() throws {
    try commit()
    try attempt {
      let map = try MemoryMap(opening: directory.appending(path: StoreFile.gradients))
      let checksum = try Checksum(of: map, range: 0..<gradients.count).description
      try record {
        $0.isComplete = true; $0.gradientsChecksum = checksum
      }
    }
    release()
  }

  /// Changes the manifest, on disk first.
  func record(_ change: (inout StoreManifest) -> Void) throws {
    var next = manifest
    next.isSealed = true
    change(&next)
    next.fileSizes = [
      StoreFile.gradients: gradients.count, StoreFile.norms: norms.count,
      StoreFile.examples: examples.count,
    ]
    if let size = scales?.count { next.fileSizes[StoreFile.scales] = size }
    try StoreDirectory.record(next, in: directory)
    manifest = next
  }
}
