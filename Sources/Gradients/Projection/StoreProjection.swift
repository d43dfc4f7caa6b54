public import Foundation
import LinearAlgebra
public import TensorFiles

/// Writes the projected rows of any store as a store directory, a chunk at a time.
///
/// Ids and losses come along. A projection that was stopped goes on from its last committed row when it is
/// run again with the same source and settings, and ends with the same bytes.
public struct StoreProjection: Sendable {
  /// What is projected, its blocks grouped as they shall be projected.
  public let source: GradientStore
  /// How.
  public let projection: GradientProjection
  /// The new store's directory.
  public let destination: URL
  /// How the new store's numbers are stored.
  public let elementType: ElementType
  private let chunkBytes: Int
  /// Bytes of random numbers that are kept from chunk to chunk.
  private let randomBytes = 256 << 20

  /// Describes a projection; nothing is read or written yet.
  ///
  /// - Parameters:
  ///   - source: A whole store, as it was opened or grouped.
  ///   - projection: How each block is projected.
  ///   - destination: Where to: nothing, an empty folder, or the same projection, not finished.
  ///   - elementType: How to store numbers; float32 unless given, or float64 where the source has that.
  ///   - chunkBytes: Bytes of projected gradients at a time; a few times as much memory is used.
  public init(
    of source: GradientStore, by projection: GradientProjection, to destination: URL,
    elementType: ElementType? = nil, chunkBytes: Int = 32 << 20
  ) {
    self.source = source
    self.projection = projection
    self.destination = destination
    self.elementType =
      elementType ?? (source.sufficientElementType == .float64 ? .float64 : .float32)
    self.chunkBytes = chunkBytes
  }

  /// Projects what is not projected yet.
  ///
  /// - Parameter progress: Called with a stage and the share of rows that are committed.
  /// - Throws: ``GradientStoreError/notProjectable(block:reason:)`` where a block is too narrow,
  ///   ``GradientStoreError/alreadyExists(path:)``, ``GradientStoreError/notResumable(path:reason:)`` where
  ///   something else was begun, ``GradientStoreError/notFinite(path:row:block:reason:)``, or an error of a
  ///   file.
  /// - Complexity: reads the source once, and once more for its checksum unless that is recorded; see
  ///   ``GradientProjection/Kind`` for the operations.
  public func run(
    progress: (@Sendable (_ stage: String, _ fraction: Double) -> Void)? = nil
  ) throws -> StoreCopy.Outcome {
    guard source.projection == nil else {
      throw GradientStoreError.inconsistent(
        path: source.name,
        reason: "it is projected already; project the gradients that it came from")
    }
    let layout = try projection.layout(of: source.layout)
    let derivation = StoreDerivation(
      source: source, destination: destination, layout: layout, elementType: elementType,
      identity: try identity(), key: Self.checksumKey)
    let (resumed, count) = try derivation.run { known in
      try require(known, isProjectionWith: derivation.identity, layout)
    } appending: { writer, type in
      try append(to: writer, as: type, progress)
    }
    return StoreCopy.Outcome(resumedRows: resumed, rows: count)
  }

  /// The first projected rows in memory, in the precision in which they are computed.
  ///
  /// - Parameter limit: How many rows, at most.
  /// - Throws: As ``run(progress:)``.
  package func firstRows(_ limit: Int) throws -> GradientStore {
    let layout = try projection.layout(of: source.layout)
    let rows = 0..<min(limit, source.count)
    func store<Element: Scalar>(as type: Element.Type) throws -> GradientStore {
      var bytes = 0
      let blocks = try source.layout.blocks.enumerated().map { index, block in
        (
          name: layout.blocks[index].name, shape: layout.blocks[index].shape,
          gradients: try BlockProjector<Element>(projection, of: block, at: index, keeping: &bytes)
            .project(source, rows: rows)
        )
      }
      return GradientStore(name: source.name, blocks: blocks)
    }
    return try source.isWide ? store(as: Double.self) : store(as: Float.self)
  }

  private func append<Element: Scalar>(
    to writer: GradientStoreWriter, as type: Element.Type,
    _ progress: (@Sendable (_ stage: String, _ fraction: Double) -> Void)?
  ) throws {
    var bytes = randomBytes
    var projectors: [BlockProjector<Element>] = []
    for (index, block) in source.layout.blocks.enumerated() {
      projectors.append(try .init(projection, of: block, at: index, keeping: &bytes))
    }
    if case .principal(let sides) = projection.kind { try sides.write(to: destination) }
    var examples = try ExampleReader(of: source)
    let step = rowsAtATime
    while writer.count < source.count {
      let part = writer.count..<min(source.count, writer.count + step)
      let lines = try examples.lines(of: part, countedFrom: 0)
      try writer.append(projectors.map { try $0.project(source, rows: part) }, lines: lines)
      try source.requireUnchanged()
      try writer.commit()
      progress?("project", Double(writer.count) / Double(max(1, source.count)))
    }
  }

  /// As many rows as memory for their projections, and a commit now and then, allow.
  private var rowsAtATime: Int {
    let projected = projection.dimension * source.layout.count * MemoryLayout<Double>.stride
    return max(1, min(chunkBytes / projected, 32 * chunkBytes / max(1, source.bytesPerRow)))
  }

  private static let checksumKey = "projected_crc32c"

  /// What tells this projection from others, for the manifest.
  private func identity() throws -> [String: String] {
    [
      GradientStore.projectionKey: projection.description,
      GradientStore.projectedBlocksKey: Self.fingerprint(of: source),
      "projected_from": source.name, "projected_kind": source.kind.rawValue,
      "projected_rows": "\(source.count)",
      Self.checksumKey: try source.checksum() ?? "none",
    ]
  }

  /// A checksum of the blocks that were projected, and what they were made of.
  private static func fingerprint(of source: GradientStore) -> String {
    var checksum = Checksum()
    let blocks = source.layout.blocks.enumerated().map { index, block in
      "\(block.name) \(block.shape) \(source.members(ofBlock: index))"
    }
    checksum.update(Array(blocks.sorted().joined(separator: "\n").utf8).span)
    return checksum.description
  }

  private func require(
    _ manifest: StoreManifest, isProjectionWith identity: [String: String], _ layout: BlockLayout
  ) throws {
    let path = destination.path
    for (key, value) in identity.sorted(by: { $0.key < $1.key })
    where key != "projected_from" && manifest.provenance[key] != value {
      throw GradientStoreError.notResumable(
        path: path,
        reason:
          "an unfinished projection is there whose \(key) is \((manifest.provenance[key] ?? "none").quoted), where \(value.quoted) is asked for"
      )
    }
    guard manifest.elementType == elementType, manifest.layout == layout else {
      throw GradientStoreError.notResumable(
        path: path,
        reason: "an unfinished projection in \(manifest.elementType), or of other blocks, is there")
    }
  }
}

extension GradientStore {
  static let projectionKey = "projection"
  static let projectedBlocksKey = "projected_blocks_crc32c"

  /// How the gradients were projected, as ``GradientProjection`` describes itself; nil where they were not.
  public var projection: String? { commonProvenance[Self.projectionKey] }

  /// Why two projections do not go together; nil where they do.
  func projectionDifference(
    from other: GradientStore, label: String, otherLabel: String
  ) -> String? {
    let (mine, others) = (commonProvenance, other.commonProvenance)
    let (here, there) = (mine[Self.projectionKey], others[Self.projectionKey])
    if here != there {
      return
        "\(label) is \(here.map { "projected by \($0)" } ?? "not projected"), but \(otherLabel) is \(there.map { "projected by \($0)" } ?? "not projected"); project both alike"
    }
    guard mine[Self.projectedBlocksKey] != others[Self.projectedBlocksKey] else { return nil }
    return
      "\(label) and \(otherLabel) are projected from other blocks; project both from the same model's, grouped alike"
  }
}
