import Foundation
import TensorFiles

extension GradientStore {
  /// A checksum of the stored gradients: CRC-32C of each file, joined by `+`; nil in memory.
  ///
  /// What the writer recorded is taken at its word; ``verified(progress:)`` and ``verification(progress:)`` read
  /// the bytes.
  ///
  /// - Complexity: reads every byte, unless the writer recorded the checksum.
  public func checksum() throws -> String? {
    guard kind != .memory else { return nil }
    return try shards.indices.flatMap { index in
      try recordedChecksums(ofShard: index) ?? computedChecksums(ofShard: index)
    }.joined(separator: "+")
  }

  /// Whether ``checksum()`` is of bytes that were read since the store was opened, rather than as recorded.
  package var checksumIsComputed: Bool {
    kind != .memory
      && shards.indices.allSatisfy { index in
        manifest(ofShard: index)?.isVerified == true || recordedChecksums(ofShard: index) == nil
      }
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

extension GradientStore {
  /// Whether all bytes that have a checksum were compared with it since the store was opened.
  public var isVerified: Bool { manifests.allSatisfy { $0?.isVerified ?? true } }

  /// This store, once its bytes are compared with their checksums, unless they were before.
  ///
  /// - Parameter progress: Called with a stage and the share of rows that are checked.
  /// - Throws: ``GradientStoreError/damaged(path:recorded:found:)`` for the first damage, or an error of a file.
  /// - Complexity: reads every byte, at about 2 GB/s; nothing where no checksum was recorded.
  public func verified(
    progress: (@Sendable (_ stage: String, _ fraction: Double) -> Void)? = nil
  ) throws -> GradientStore {
    var manifests = manifests
    for index in shards.indices where index < manifests.count {
      guard let manifest = manifests[index], !manifest.isVerified, manifest.recordsChecksums else {
        continue
      }
      let finding = try verification(ofShard: index, progress: progress)
      if let damage = finding.damages.first {
        throw GradientStoreError.damaged(
          path: damage.path, recorded: damage.recorded, found: damage.found)
      }
      manifests[index]?.isVerified = true
    }
    return GradientStore(
      name: name, kind: kind, layout: layout, shards: shards, manifests: manifests,
      companions: companions, members: members)
  }

  /// This store, once as many of its bytes are compared as was asked for.
  func checked(_ check: StoreCheck) throws -> GradientStore {
    let bytes = manifests.reduce(0) { $0 + ($1?.fileSizes.values.reduce(0, +) ?? 0) }
    return check.covers(byteCount: bytes) ? try verified() : self
  }

  /// Compares the small files that every fit reads whole, the norms and the scales of int8, with their checksums.
  ///
  /// - Throws: ``GradientStoreError/damaged(path:recorded:found:)``, or an error of a file.
  /// - Complexity: reads the norms and scales of every shard that was not verified before.
  func checkNorms() throws {
    for (shard, manifest) in zip(shards, manifests) {
      guard let manifest, !manifest.isVerified, let checksums = manifest.checksums,
        let directory = shard.directory
      else { continue }
      for (name, recorded) in [
        (StoreFile.norms, checksums.norms), (StoreFile.scales, checksums.scales),
      ] {
        guard let recorded, let size = manifest.fileSizes[name], size > 0 else { continue }
        try recorded.require(
          of: MemoryMap(opening: directory.appending(path: name)), byteCount: size)
      }
    }
  }
}

extension StoreManifest {
  /// Whether there is anything to compare the gradients with.
  fileprivate var recordsChecksums: Bool { checksums != nil || gradientsChecksum != nil }
}

extension Checksum {
  /// Refuses a file whose first bytes do not have this checksum.
  ///
  /// - Throws: ``GradientStoreError/damaged(path:recorded:found:)``.
  func require(of map: MemoryMap, byteCount: Int) throws {
    guard map.count >= byteCount else {
      throw GradientStoreError.damaged(
        path: map.path, recorded: "of \(byteCount) bytes", found: "of \(map.count) bytes")
    }
    let found = try Checksum(of: map, range: 0..<byteCount)
    guard found == self else {
      throw GradientStoreError.damaged(
        path: map.path, recorded: description, found: found.description)
    }
  }
}
