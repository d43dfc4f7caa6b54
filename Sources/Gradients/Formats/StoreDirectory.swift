import Foundation
import OrderedCollections
import TensorFiles

/// Gradients in a directory: `info.json` and `gradients.bin`, as bergson writes them, and what
/// InfluenceKit's own writer adds.
///
/// `info.json` has `num_grads` (rows), `num_items`, `grad_sizes` (block name to columns, in column
/// order) and `base_dtype`; `gradients.bin` is headerless, row-major, little-endian. Where `attribute_tokens` is
/// true, rows are tokens, and example i has the rows from `offsets.npy`'s number i to number i + 1.
enum StoreDirectory: StoreFormat {
  /// What `info.json` calls int8: a name that no other tool takes for plain integers.
  static let scaledTypeName = "scaled_int8"
  /// How it calls types of factors: names that no other tool takes for numbers of gradients.
  static let factoredPrefix = "factored_"

  static func open(_ place: StorePlace) throws -> GradientStore? {
    guard place.fileKind == nil, isStore(place.url) else { return nil }
    return try open(
      place.url, allowingIncomplete: place.allowsIncomplete, summingTokens: place.sumsTokens)
  }

  /// Whether a folder is a store.
  ///
  /// One whose writer has just begun has a manifest before it has an `info.json`.
  static func isStore(_ url: URL) -> Bool {
    [StoreFile.info, StoreManifest.fileName].contains {
      FileManager.default.fileExists(atPath: url.appending(path: $0).path)
    }
  }

  static func open(
    _ url: URL, allowingIncomplete: Bool, summingTokens: Bool
  ) throws -> GradientStore {
    let manifest = try StoreManifest(ofStoreAt: url)
    if let manifest, !manifest.isComplete, !allowingIncomplete {
      throw GradientStoreError.incomplete(path: url.path, committedRows: manifest.rows)
    }
    if manifest == nil, !allowingIncomplete {
      try requireFinished(url)
      guard !BergsonOrigin.isUnfinished(url) else {
        throw GradientStoreError.inconsistent(
          path: url.path,
          reason:
            "bergson has not finished this index: what it writes last, processor_config.yaml, is missing, and rows not yet written are zeros; finish it, or open it as it is by asking for incomplete stores"
        )
      }
    }
    let info = try Info(ofStoreAt: url)
    try manifest?.requireAgreement(with: info, path: url.path)
    guard info.tokenExamples == nil || summingTokens else {
      throw GradientStoreError.perToken(
        path: url.path, tokens: info.rows, examples: info.tokenExamples ?? 0)
    }
    if manifest == nil, info.isFactored {
      throw GradientStoreError.inconsistent(
        path: url.path,
        reason:
          "its rows are factors, but manifest.json, which says of what, is missing; restore it from a copy"
      )
    }
    let notes = try manifest == nil ? StoreNotes(in: url) : nil
    let layout = try manifest?.layout ?? notes?.layout(of: info.layout, in: url) ?? info.layout
    let rows = manifest?.rows ?? info.rows
    let elementType = manifest?.elementType ?? info.elementType
    let isGrowing = manifest.map { !$0.isComplete } ?? false
    let map = try self.map(
      url.appending(path: StoreFile.gradients), rows: rows,
      rowBytes: manifest?.rowBytes ?? layout.columnCount * elementType.byteCount,
      isGrowing: isGrowing)
    let scales =
      elementType == .int8
      ? try self.map(
        url.appending(path: StoreFile.scales), rows: rows,
        rowBytes: (manifest?.fields ?? layout).count * ElementType.float32.byteCount,
        isGrowing: isGrowing) : nil
    let sources = try blockSources(
      of: layout, factors: manifest?.factors, rows: rows, elementType: elementType, gradients: map,
      scales: scales)
    if let examples = info.tokenExamples {
      let offsets = try tokenOffsets(of: url, examples: examples, tokens: rows)
      var store = GradientStore(
        name: url.path, kind: .directory, layout: layout, count: examples,
        blocks: sources.map { source in
          guard case .mapped(let tokens) = source else { return source }
          return .summed(SummedRows(tokens: tokens, offsets: offsets[...]))
        }, files: [map])
      store.origin = try BergsonOrigin.origin(of: url)
      return store
    }
    var norms: MappedMatrix?
    if manifest != nil {
      let map = try self.map(
        url.appending(path: StoreFile.norms), rows: rows,
        rowBytes: layout.count * ElementType.float64.byteCount, isGrowing: isGrowing)
      norms = try MappedMatrix(
        in: map, elementType: .float64, byteOffset: 0, rows: rows, columns: layout.count)
    }
    var store = GradientStore(
      name: url.path, kind: .directory, layout: layout,
      shards: [
        GradientStore.Shard(
          rows: 0..<rows, blocks: sources, squaredNorms: norms,
          files: [map] + (scales.map { [$0] } ?? []))
      ], manifests: [manifest])
    guard manifest == nil else { return store }
    guard let notes else {
      store.origin = try BergsonOrigin.origin(of: url)
      return store
    }
    var companions = Companions()
    companions.provenance = notes.provenance
    return store.with(companions)
  }

  /// Where the tokens of each example begin, and where the last ones end.
  private static func tokenOffsets(
    of url: URL, examples: Int, tokens: Int
  ) throws -> [Int] {
    let file = try NumpyFile(opening: url.appending(path: StoreFile.offsets))
    let offsets = try file.integers()
    guard offsets.count == examples + 1, offsets.first == 0, offsets.last == tokens,
      zip(offsets, offsets.dropFirst()).allSatisfy({ $0 <= $1 })
    else {
      throw GradientStoreError.inconsistent(
        path: file.map.path,
        reason:
          "it does not divide \(tokens) tokens into \(examples) examples: \(offsets.count) numbers from \(offsets.first ?? 0) to \(offsets.last ?? 0), which must ascend; copy the store again"
      )
    }
    return offsets
  }

  /// Where each block lies in the mapped files.
  ///
  /// - Parameters:
  ///   - layout: The blocks.
  ///   - factors: How they are kept as factors, if they are.
  ///   - rows: The rows of both files.
  ///   - elementType: How numbers are stored.
  ///   - gradients: `gradients.bin`.
  ///   - scales: `scales.bin`, for int8.
  static func blockSources(
    of layout: BlockLayout, factors: FactorLayout? = nil, rows: Int, elementType: ElementType,
    gradients: MemoryMap, scales: MemoryMap?
  ) throws -> [BlockSource] {
    let fields = factors?.fields ?? layout
    // A store of no rows has no bytes for later fields to start at.
    func numbers(_ range: Range<Int>) throws -> MappedMatrix {
      let columns =
        fields.blocks[range.lowerBound].columns
        .lowerBound..<fields.blocks[range.upperBound - 1].columns.upperBound
      return try MappedMatrix(
        in: gradients, elementType: elementType,
        byteOffset: rows == 0 ? 0 : columns.lowerBound * elementType.byteCount, rows: rows,
        columns: columns.count, rowStride: fields.columnCount)
    }
    func scaleColumns(_ range: Range<Int>) throws -> MappedMatrix? {
      try scales.map {
        try MappedMatrix(
          in: $0, elementType: .float32,
          byteOffset: rows == 0 ? 0 : range.lowerBound * ElementType.float32.byteCount, rows: rows,
          columns: range.count, rowStride: fields.count)
      }
    }
    return try layout.blocks.enumerated().map { index, block in
      let own = factors?.fields(ofBlock: index) ?? index..<index + 1
      guard let factored = factors?.blocks[index] else {
        let stored = try numbers(own)
        return try scaleColumns(own).map {
          .scaled(ScaledMatrix(integers: stored, scales: $0, block: block.name))
        } ?? .mapped(stored)
      }
      func vectors(_ range: Range<Int>) throws -> FactorVectors {
        FactorVectors(
          numbers: try numbers(range), scales: try scaleColumns(range), rank: factored.rank,
          block: block.name)
      }
      let middle = own.lowerBound + factored.rank
      return .factored(
        FactoredMatrix(
          factors: factored, left: try vectors(own.lowerBound..<middle),
          right: try vectors(middle..<own.upperBound)))
    }
  }

  /// Refuses a directory that bergson has not finished: its rows are all there, but zeros until they
  /// are written, and nothing but the directory's name tells.
  static func requireFinished(_ url: URL) throws(GradientStoreError) {
    guard !url.lastPathComponent.hasSuffix(".part") else {
      throw .incomplete(path: url.path, committedRows: nil)
    }
  }

  /// Maps a file of rows after checking its length; while a store is being written (`isGrowing`),
  /// bytes past the committed rows are not part of it.
  private static func map(
    _ url: URL, rows: Int, rowBytes: Int, isGrowing: Bool
  ) throws -> MemoryMap {
    let map = try MemoryMap(opening: url)
    let (expected, overflow) = rows.multipliedReportingOverflow(by: rowBytes)
    guard !overflow, isGrowing ? map.count >= expected : map.count == expected else {
      throw GradientStoreError.wrongSize(
        path: map.path, expected: overflow ? Int.max : expected, found: map.count, rows: rows,
        rowBytes: rowBytes)
    }
    return map
  }
}

extension StoreManifest {
  /// Checks that `info.json` describes the same store.
  ///
  /// Its count of rows may lag behind the manifest's while the store is being written.
  fileprivate func requireAgreement(
    with info: StoreDirectory.Info, path: String
  ) throws(GradientStoreError) {
    let contradiction: String
    if fields.blocks.map(\.name) != info.layout.blocks.map(\.name)
      || fields.blocks.map(\.columns) != info.layout.blocks.map(\.columns)
    {
      contradiction = "different blocks"
    } else if (factors != nil) != info.isFactored {
      contradiction = "gradients and factors"
    } else if elementType != info.elementType {
      contradiction = "numbers of \(info.elementType) and of \(elementType)"
    } else if isComplete, rows != info.rows {
      contradiction = "\(info.rows) and \(rows) rows"
    } else {
      return
    }
    throw .inconsistent(
      path: path,
      reason:
        "info.json and manifest.json describe \(contradiction); one of them belongs to another store, restore it from a copy"
    )
  }
}

extension StoreManifest {
  /// What `info.json` says otherwise than this manifest, which holds no checksum of it; it may lag behind while the
  /// store is being written, and older versions wrote other members.
  func damage(ofInfoIn directory: URL) throws -> ShardVerification.Damage? {
    guard isComplete, isSealed else { return nil }
    let url = directory.appending(path: StoreFile.info)
    let found = try OrderedJSON(contentsOf: url)
    let meant = StoreDirectory.Info(of: self).json
    guard (meant.object ?? [:]).contains(where: { found[$0.key] != $0.value }) else { return nil }
    return ShardVerification.Damage(
      path: url.path, rows: nil, recorded: try meant.checksum(), found: try found.checksum())
  }
}
