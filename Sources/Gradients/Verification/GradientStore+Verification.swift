import Algorithms
import Foundation
import LinearAlgebra
import TensorFiles

extension GradientStore {
  /// Reads every byte of a whole store and compares it with what its writer recorded.
  ///
  /// Damage is no error here: it is in the answer, located as well as the record allows. Where
  /// nothing was recorded, as by other tools, rows are only checked to be finite (their number was
  /// checked when the store was opened).
  ///
  /// - Parameter progress: Called with a stage and the share of rows that are checked.
  /// - Returns: One finding per shard; none for a store in memory.
  /// - Throws: An error of a file that cannot be read.
  /// - Complexity: reads every byte, at about 2 GB/s.
  public func verification(
    progress: (@Sendable (_ stage: String, _ fraction: Double) -> Void)? = nil
  ) throws -> [ShardVerification] {
    guard kind != .memory else { return [] }
    return try shards.indices.map { try verification(ofShard: $0, progress: progress) }
  }

  /// Compares the bytes of one shard; see ``verification(progress:)``.
  func verification(
    ofShard index: Int,
    progress: (@Sendable (_ stage: String, _ fraction: Double) -> Void)?
  ) throws -> ShardVerification {
    let shard = shards[index]
    let report: (Int) -> Void = { [count] rows in
      progress?("verify", Double(shard.rows.lowerBound + rows) / Double(max(1, count)))
    }
    guard let manifest = index < manifests.count ? manifests[index] : nil,
      let file = shard.files.first
    else { return try finiteness(of: shard, at: index, manifest: nil, report) }
    if let checksums = manifest.checksums {
      return try shard.compare(with: checksums, of: manifest, file, report)
    }
    if let recorded = manifest.gradientsChecksum {
      return try shard.compare(with: recorded, of: manifest, file, report)
    }
    return try finiteness(of: shard, at: index, manifest: manifest, report)
  }

  /// Looks for rows that are not finite, some at a time.
  private func finiteness(
    of shard: Shard, at index: Int, manifest: StoreManifest?, _ report: (Int) -> Void
  ) throws -> ShardVerification {
    var bad: [Int] = []
    let rows = shard.rows.count
    let step = StoreChecksums.rowsPerRange(rowBytes: layout.columnCount * 8)
    for part in (0..<rows).chunks(ofCount: step) {
      var isBad = [Bool](repeating: false, count: part.count)
      for (block, source) in zip(layout.blocks, shard.blocks) {
        let norms = try source.squaredRowNorms(rows: part, width: block.width)
        for (offset, norm) in norms.enumerated() where !norm.isFinite { isBad[offset] = true }
      }
      bad += isBad.indices.filter { isBad[$0] }.map { part.lowerBound + $0 }
      report(part.upperBound)
    }
    let rowBytes = zip(layout.blocks, shard.blocks).reduce(0) {
      $0 + $1.1.bytesPerRow(width: $1.0.width)
    }
    let folder = kind == .directory || kind == .shards
    return ShardVerification(
      path: folder ? shard.directory?.path ?? name : name, rows: shard.rows, evidence: .nothing,
      checkedBytes: rows * rowBytes, damages: [], nonFiniteRows: bad,
      isComplete: manifest?.isComplete ?? true, manifestIsSealed: manifest?.isSealed ?? false)
  }
}

extension GradientStore.Shard {
  /// The folder of the shard's files; nil in memory.
  var directory: URL? {
    files.first.map { URL(filePath: $0.path).deletingLastPathComponent() }
  }

  /// Compares ranges of rows, the norms and the examples with their checksums.
  fileprivate func compare(
    with checksums: StoreChecksums, of manifest: StoreManifest, _ file: MemoryMap,
    _ report: (Int) -> Void
  ) throws -> ShardVerification {
    var damages: [ShardVerification.Damage] = []
    func check(
      _ map: MemoryMap, _ range: Range<Int>, _ rows: Range<Int>?, _ recorded: Checksum
    ) throws {
      let found = try Checksum(of: map, range: range)
      guard found != recorded else { return }
      damages.append(
        .init(
          path: map.path, rows: rows, recorded: recorded.description, found: found.description))
    }
    let rowBytes = manifest.rowBytes
    for range in checksums.ranges {
      let bytes = range.rows.lowerBound * rowBytes..<range.rows.upperBound * rowBytes
      try check(file, bytes, range.rows, range.checksum)
      report(range.rows.upperBound)
    }
    var checked = manifest.rows * rowBytes
    var others = [
      (StoreFile.norms, checksums.norms),
      (StoreFile.examples, checksums.examples),
    ]
    if let scales = checksums.scales { others.append((StoreFile.scales, scales)) }
    for (name, recorded) in others {
      guard let size = manifest.fileSizes[name], size > 0, let directory else { continue }
      let map = try MemoryMap(opening: directory.appending(path: name))
      guard map.count >= size else {
        throw GradientStoreError.damaged(
          path: map.path, recorded: "of \(size) bytes", found: "of \(map.count) bytes")
      }
      // What follows the lines of examples would be read as further ones.
      let isLonger = manifest.isComplete && map.count > size
      try check(map, 0..<(isLonger ? map.count : size), nil, recorded)
      checked += size
    }
    damages += try directory.flatMap { try manifest.damage(ofInfoIn: $0) }.map { [$0] } ?? []
    return ShardVerification(
      path: directory?.path ?? file.path, rows: rows, evidence: .rowRanges, checkedBytes: checked,
      damages: damages, nonFiniteRows: [], isComplete: manifest.isComplete,
      manifestIsSealed: manifest.isSealed)
  }

  /// Compares all gradients with the one checksum of an older version.
  fileprivate func compare(
    with recorded: String, of manifest: StoreManifest, _ file: MemoryMap, _ report: (Int) -> Void
  ) throws -> ShardVerification {
    let size = manifest.fileSizes[StoreFile.gradients] ?? file.count
    var checksum = Checksum()
    for range in (0..<size).chunks(ofCount: 64 << 20) {
      try checksum.update(file, range: range)
      report(Int(Double(rows.count) * Double(range.upperBound) / Double(size)))
    }
    let damage = ShardVerification.Damage(
      path: file.path, rows: 0..<manifest.rows, recorded: recorded, found: checksum.description)
    return ShardVerification(
      path: directory?.path ?? file.path, rows: rows, evidence: .wholeFile, checkedBytes: size,
      damages: checksum.description == recorded ? [] : [damage], nonFiniteRows: [],
      isComplete: manifest.isComplete, manifestIsSealed: manifest.isSealed)
  }
}
