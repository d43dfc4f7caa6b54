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
    let notes = try manifest == nil ? StoreNotes(in: url) : nil
    let layout = try manifest?.layout ?? notes?.layout(of: info.layout, in: url) ?? info.layout
    let rows = manifest?.rows ?? info.rows
    let elementType = manifest?.elementType ?? info.elementType
    let isGrowing = manifest.map { !$0.isComplete } ?? false
    let map = try self.map(
      url.appending(path: StoreFile.gradients), rows: rows,
      rowBytes: layout.columnCount * elementType.byteCount, isGrowing: isGrowing)
    let scales =
      elementType == .int8
      ? try self.map(
        url.appending(path: StoreFile.scales), rows: rows,
        rowBytes: layout.count * ElementType.float32.byteCount, isGrowing: isGrowing) : nil
    let sources = try blockSources(
      of: layout, rows: rows, elementType: elementType, gradients: map, scales: scales)
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
  ///   - rows: The rows of both files.
  ///   - elementType: How numbers are stored.
  ///   - gradients: `gradients.bin`.
  ///   - scales: `scales.bin`, for int8.
  static func blockSources(
    of layout: BlockLayout, rows: Int, elementType: ElementType, gradients: MemoryMap,
    scales: MemoryMap?
  ) throws -> [BlockSource] {
    try layout.blocks.enumerated().map { index, block in
      // A store of no rows has no bytes for later blocks to start at.
      let numbers = try MappedMatrix(
        in: gradients, elementType: elementType,
        byteOffset: rows == 0 ? 0 : block.columns.lowerBound * elementType.byteCount,
        rows: rows, columns: block.width, rowStride: layout.columnCount)
      guard let scales else { return .mapped(numbers) }
      let factors = try MappedMatrix(
        in: scales, elementType: .float32,
        byteOffset: rows == 0 ? 0 : index * ElementType.float32.byteCount, rows: rows, columns: 1,
        rowStride: layout.count)
      return .scaled(ScaledMatrix(integers: numbers, scales: factors, block: block.name))
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

  /// The contents of `info.json`.
  struct Info {
    let rows: Int
    let layout: BlockLayout
    let elementType: ElementType
    /// How many examples the rows are tokens of; nil where rows are examples.
    var tokenExamples: Int?

    var json: OrderedJSON {
      .object([
        "attribute_tokens": .boolean(false),
        "num_items": .integer(rows),
        "num_grads": .integer(rows),
        "grad_sizes": .object(
          OrderedDictionary(
            uniqueKeysWithValues: layout.blocks.map { ($0.name, .integer($0.width)) })),
        "base_dtype": .string(elementType == .int8 ? scaledTypeName : elementType.name),
      ])
    }
  }
}

extension StoreDirectory.Info {
  init(ofStoreAt directory: URL) throws {
    let url = directory.appending(path: StoreFile.info)
    let json = try OrderedJSON(contentsOf: url)
    func invalid(_ field: String, _ reason: String) -> GradientStoreError {
      .invalidField(
        path: url.path, field: field,
        reason: reason + "; correct it, or build the index again with its own tool")
    }
    guard let rows = (json["num_grads"] ?? json["num_items"])?.integer, rows >= 0 else {
      throw invalid("num_grads", "is not a count of rows")
    }
    guard let sizes = json["grad_sizes"]?.object else {
      throw invalid("grad_sizes", "is not an object of block names and columns")
    }
    let parameters = try sizes.map { name, size in
      guard let width = size.integer, width >= 0 else {
        throw invalid("grad_sizes.\(name)", "is not a number of columns")
      }
      return (name: name, shape: [width])
    }
    guard let name = json["base_dtype"]?.string ?? Self.scalar(of: json["dtype"]) else {
      throw invalid(
        "base_dtype", "is missing or no string (old versions of bergson wrote none)")
    }
    if json["base_dtype"] == nil, let size = json["dtype"]?["itemsize"]?.integer,
      let width = ElementType(numpy: name)?.byteCount
    {
      let columns = parameters.map(\.shape[0]).reduce(0) {
        $0.addingReportingOverflow($1).partialValue
      }
      guard size == columns.multipliedReportingOverflow(by: width).partialValue else {
        throw invalid(
          "dtype.itemsize", "is \(size), not the bytes of \(columns) columns of \(name)")
      }
    }
    let scaled: ElementType? = name == StoreDirectory.scaledTypeName ? .int8 : nil
    guard let elementType = ElementType(numpy: name) ?? scaled else {
      throw invalid("base_dtype", "is \(name.quoted), not float16, bfloat16, float32 or float64")
    }
    let areTokens = json["attribute_tokens"]?.boolean ?? false
    guard let examples = areTokens ? json["num_items"]?.integer : 0, examples >= 0 else {
      throw invalid("num_items", "is not a count of examples")
    }
    self.init(
      rows: rows, layout: try BlockLayout(validating: parameters, path: url.path),
      elementType: elementType, tokenExamples: areTokens ? examples : nil)
  }
}

extension StoreDirectory.Info {
  /// The type that the records of bergson's versions before 1.0 are made of: `<f4` of `(16,)<f4`.
  fileprivate static func scalar(of record: OrderedJSON?) -> String? {
    let formats = record?["formats"]?.array?.compactMap(\.string) ?? []
    let scalars = Set(
      formats.map { $0.split(separator: ")", maxSplits: 1).last.map(String.init) ?? $0 })
    return scalars.count == 1 ? scalars.first : nil
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
    if layout.blocks.map(\.name) != info.layout.blocks.map(\.name)
      || layout.blocks.map(\.columns) != info.layout.blocks.map(\.columns)
    {
      contradiction = "different blocks"
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
    let meant = StoreDirectory.Info(rows: rows, layout: layout, elementType: elementType).json
    guard (meant.object ?? [:]).contains(where: { found[$0.key] != $0.value }) else { return nil }
    return ShardVerification.Damage(
      path: url.path, rows: nil, recorded: try meant.checksum(), found: try found.checksum())
  }
}
