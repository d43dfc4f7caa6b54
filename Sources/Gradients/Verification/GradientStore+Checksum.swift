import Foundation
import TensorFiles

extension GradientStore {
  /// A checksum of the stored gradients: CRC-32C of each file, joined by `+`; nil in memory.
  ///
  /// What the writer recorded is taken at its word; ``verifyChecksums()`` is not.
  ///
  /// - Complexity: reads every byte, unless the writer recorded the checksum.
  public func checksum() throws -> String? {
    guard kind != .memory else { return nil }
    return try shards.indices.flatMap { index in
      try recordedChecksums(ofShard: index) ?? computedChecksums(ofShard: index)
    }.joined(separator: "+")
  }

  /// Reads all gradients and compares them with the checksums that their writer recorded.
  ///
  /// - Returns: The number of shards that had one; the others cannot be told from damaged ones.
  /// - Throws: ``GradientStoreError/damaged(path:recorded:found:)`` for the first that differs.
  /// - Complexity: reads every byte of the shards with a checksum.
  @discardableResult
  public func verifyChecksums() throws -> Int {
    var verified = 0
    for (index, shard) in shards.enumerated() {
      guard let recorded = recordedChecksums(ofShard: index)?.joined(separator: "+") else {
        continue
      }
      let found = try computedChecksums(ofShard: index).joined(separator: "+")
      guard found == recorded else {
        throw GradientStoreError.damaged(
          path: shard.files.first?.path ?? name, recorded: recorded, found: found)
      }
      verified += 1
    }
    return verified
  }

  private func manifest(ofShard index: Int) -> StoreManifest? {
    index < manifests.count ? manifests[index] : nil
  }

  /// The checksums that a shard's writer recorded of the files that hold its gradients.
  private func recordedChecksums(ofShard index: Int) -> [String]? {
    guard let manifest = manifest(ofShard: index), let gradients = manifest.gradientsChecksum else {
      return nil
    }
    guard manifest.elementType == .int8 else { return [gradients] }
    return manifest.checksums?.scales.map { [gradients, $0.description] }
  }

  /// The checksums of a shard's files, without the bytes past the rows of one that is being written.
  private func computedChecksums(ofShard index: Int) throws -> [String] {
    let sizes = manifest(ofShard: index)?.fileSizes
    return try shards[index].files.map { file in
      let size = sizes?[URL(filePath: file.path).lastPathComponent]
      return try Checksum(of: file, range: 0..<min(size ?? file.count, file.count)).description
    }
  }
}
