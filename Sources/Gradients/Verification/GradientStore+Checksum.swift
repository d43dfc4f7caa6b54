import Foundation
import TensorFiles

extension GradientStore {
  /// A checksum of the stored gradients: CRC-32C of each file, joined by `+`; nil in memory.
  ///
  /// What the writer recorded is taken at its word; ``verification(progress:)`` reads the bytes.
  ///
  /// - Complexity: reads every byte, unless the writer recorded the checksum.
  public func checksum() throws -> String? {
    guard kind != .memory else { return nil }
    return try shards.indices.flatMap { index in
      try recordedChecksums(ofShard: index) ?? computedChecksums(ofShard: index)
    }.joined(separator: "+")
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
