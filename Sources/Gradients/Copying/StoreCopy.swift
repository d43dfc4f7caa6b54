public import Foundation
import LinearAlgebra
public import TensorFiles

/// Writes rows of any store as a store directory with a manifest, norms and checksums, a chunk at a
/// time.
///
/// Blocks keep their names and shapes; ids and losses come along, renumbered from row 0. A copy that
/// was stopped, by whatever, goes on from its last committed row when it is run again with the same
/// source, rows and type, which it recognises by what it recorded in the manifest.
public struct StoreCopy: Sendable {
  /// What is copied.
  public let source: GradientStore
  /// Which of its rows.
  public let rows: Range<Int>
  /// The new store's directory.
  public let destination: URL
  /// How the new store's numbers are stored.
  public let elementType: ElementType
  /// The rank of the factors that rows are kept as (``FactorLayout``); nil where they are kept as they are.
  public let factorRank: Int?
  /// Whether the source's factors are copied as they stand.
  private let copiesFactors: Bool
  /// Bytes of gradients that are read, converted and committed at a time.
  let chunkBytes: Int
  /// What is known of the source's examples beside what the source says; nothing unless given.
  package var examples: KnownExamples?
  /// The source's checksum, where somebody has taken it already.
  var knownChecksum: String?

  /// What a run did.
  public struct Outcome: Sendable {
    /// Rows that an earlier run had committed.
    public let resumedRows: Int
    /// All rows of the new store.
    public let rows: Int
  }

  /// Describes a copy; nothing is read or written yet.
  ///
  /// - Parameters:
  ///   - source: A whole store, as it was opened.
  ///   - rows: The rows to copy; all unless given.
  ///   - destination: Where to: nothing, an empty folder, or the same copy, not finished.
  ///   - elementType: How to store numbers; unless given, the narrowest type that loses nothing, float16 for new factors,
  ///     and for a source of factors these as they stand.
  ///   - factorRank: The rank of the factors that rows are kept as (``FactorLayout``); unless given, rows are kept as
  ///     they are in the source.
  ///   - chunkBytes: Bytes of gradients at a time; a few times as much memory is used.
  public init(
    of source: GradientStore, rows: Range<Int>? = nil, to destination: URL,
    elementType: ElementType? = nil, factorRank: Int? = nil, chunkBytes: Int = 32 << 20
  ) {
    let rows = rows ?? 0..<source.count
    let own = elementType == nil && factorRank == nil ? source.factorType : nil
    copiesFactors = own != nil
    self.factorRank = copiesFactors ? source.factors?.rank : factorRank
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= source.count, "rows \(rows) of \(source.count)")
    self.source = source
    self.rows = rows
    self.destination = destination
    self.elementType =
      elementType ?? own ?? (factorRank == nil ? source.sufficientElementType : .float16)
    self.chunkBytes = chunkBytes
  }

  /// Copies what is not copied yet.
  ///
  /// - Parameter progress: Called with a stage and the share of rows that are committed.
  /// - Throws: ``GradientStoreError/alreadyExists(path:)`` where a finished store or another's store
  ///   is, ``GradientStoreError/notResumable(path:reason:)`` where another copy was begun,
  ///   ``GradientStoreError/notFinite(path:row:block:reason:)`` naming the source's row, after which a
  ///   store that this run began is removed again; or an error of a file.
  /// - Complexity: reads the source once, and once more for its checksum unless that is recorded.
  public func run(
    progress: (@Sendable (_ stage: String, _ fraction: Double) -> Void)? = nil
  ) throws -> Outcome {
    var examples = try ExampleReader(of: source)
    return try run(reading: &examples, progress: progress)
  }

  /// Copies, with a reader of examples that may have given those of earlier rows.
  func run(
    reading examples: inout ExampleReader,
    progress: (@Sendable (_ stage: String, _ fraction: Double) -> Void)?
  ) throws -> Outcome {
    try requireFactorable()
    let derivation = StoreDerivation(
      source: source, firstRow: rows.lowerBound, destination: destination, layout: source.layout,
      elementType: elementType, factorRank: factorRank, identity: try identity(),
      key: "copied_crc32c")
    let (resumed, count) = try derivation.run { known in
      try require(known, isCopyWith: derivation.identity)
    } appending: { writer, type in
      try append(to: writer, as: type, from: &examples, progress)
    }
    return Outcome(resumedRows: resumed, rows: count)
  }

  /// Whether the destination is this copy, finished.
  ///
  /// - Throws: ``GradientStoreError/notResumable(path:reason:)`` where it is another copy.
  func isFinished() throws -> Bool {
    guard let known = try StoreManifest(ofStoreAt: destination) else { return false }
    try require(known, isCopyWith: identity())
    return known.isComplete
  }

  private func append<Element: Scalar>(
    to writer: GradientStoreWriter, as type: Element.Type, from examples: inout ExampleReader,
    _ progress: (@Sendable (_ stage: String, _ fraction: Double) -> Void)?
  ) throws {
    let rowBytes = source.layout.columnCount * MemoryLayout<Element>.stride
    let step = max(1, chunkBytes / max(1, rowBytes))
    let known = knownExamples
    // Factored again, a row would be as near, but not the same.
    let fields = copiesFactors ? source.storedFields : nil
    while writer.count < rows.count {
      let first = rows.lowerBound + writer.count
      let part = first..<min(rows.upperBound, first + step)
      // Ids in memory, as those of other tools' stores, are in no line that is copied.
      let lines =
        try known.map {
          try examples.lines(of: part, countedFrom: rows.lowerBound, adding: $0.members)
        } ?? examples.lines(of: part, countedFrom: rows.lowerBound)
      if elementType == .int8, factorRank == nil || fields != nil,
        let stored = try ScaledRows(storedIn: fields ?? source, rows: part)
      {
        // Quantised again, a number would be as near, but not the same.
        try writer.append(stored, rows: part.count, lines: lines)
      } else if let fields {
        try writer.append(
          fields: try fields.layout.blocks.indices.map {
            Matrix(try fields.rows(part, of: $0, as: Double.self))
          }, lines: lines)
      } else {
        let blocks = try source.layout.blocks.indices.map {
          Matrix(try source.rows(part, of: $0, as: type))
        }
        try writer.append(blocks, lines: lines)
      }
      try source.requireUnchanged()
      try writer.commit()
      progress?("copy", Double(writer.count) / Double(rows.count))
    }
    if copiesFactors {
      writer.fidelity = rows.count == source.count ? source.factorFidelity : nil
    }
    // They are in the other tool's own files, which are not copied.
    if rows.count == source.count {
      if let curvature = source.curvature, curvature.isElsewhere {
        progress?("factors", 1)
        try curvature.write(to: destination)
      }
      try source.companions.probabilitiesInMemory?.write(to: destination)
    }
  }

  /// What was brought, and ids that the source has in memory where no others were brought.
  private var knownExamples: KnownExamples? {
    guard examples?.ids == nil, let ids = source.companions.exampleIDs else { return examples }
    return KnownExamples(ids: ids, texts: examples?.texts, labels: examples?.labels)
  }

  /// Refuses to factor what is factored, or has no block that factors would make smaller.
  private func requireFactorable() throws {
    guard let factorRank, !copiesFactors else { return }
    guard source.layout.blocks.indices.allSatisfy({ source.factors(ofBlock: $0) == nil }) else {
      throw GradientStoreError.inconsistent(
        path: source.name,
        reason: "its rows are factors already; factor the gradients that they were made of")
    }
    let factors = try FactorLayout(rank: factorRank, of: source.layout, path: source.name)
    guard factors.blocks.contains(where: { $0 != nil }) else {
      throw GradientStoreError.inconsistent(
        path: source.name,
        reason:
          "no block is a matrix of which factors of rank \(factorRank) would be fewer numbers; take a lower rank, or a narrower type without factors"
      )
    }
  }

  /// What tells this copy from others, for the manifest.
  private func identity() throws -> [String: String] {
    var identity = [
      "copied_from": source.name, "copied_kind": source.kind.rawValue,
      "copied_rows": "\(rows.lowerBound)..<\(rows.upperBound) of \(source.count)",
      "copied_crc32c": try knownChecksum ?? source.checksum() ?? "none",
    ]
    identity["copied_examples"] = try knownExamples?.checksum()
    return identity
  }

  private func require(_ manifest: StoreManifest, isCopyWith identity: [String: String]) throws {
    let path = destination.path
    for key in ["copied_kind", "copied_rows", "copied_crc32c", "copied_examples"]
    where manifest.provenance[key] != identity[key] {
      let origin = manifest.provenance["copied_from"] ?? "another store"
      throw GradientStoreError.notResumable(
        path: path,
        reason:
          "an unfinished copy of \(origin.quoted) is there, and \(source.name.quoted) is another source, cut otherwise, or has changed (\(key) differs)"
      )
    }
    guard manifest.elementType == elementType, manifest.factors?.rank == factorRank else {
      func description(_ type: ElementType, _ rank: Int?) -> String {
        "\(type)" + (rank.map { " factors of rank \($0)" } ?? "")
      }
      throw GradientStoreError.notResumable(
        path: path,
        reason:
          "an unfinished copy in \(description(manifest.elementType, manifest.factors?.rank)) is there, which cannot go on in \(description(elementType, factorRank))"
      )
    }
    guard manifest.layout == source.layout else {
      throw GradientStoreError.notResumable(
        path: path, reason: "an unfinished copy of other blocks is there")
    }
  }
}
