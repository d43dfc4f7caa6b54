public import Foundation
import OrderedCollections
public import TensorFiles

/// What InfluenceKit's writer records beside a store's gradients, in `manifest.json`.
///
/// The manifest is the truth about a store that is being written: only the rows it counts exist, and
/// only the bytes it counts in each file belong to them.
public struct StoreManifest: Sendable, Hashable {
  /// The version of the format that is written.
  public static let version = 1
  /// The version of a store whose rows are kept as factors, which earlier readers would take for something else.
  static let factoredVersion = 2
  /// The file's name in a store directory.
  public static let fileName = StoreFile.manifest

  /// Rows committed so far.
  public var rows: Int
  /// Whether the writer finished.
  public var isComplete: Bool
  /// How numbers are stored.
  public var elementType: ElementType
  /// The blocks.
  public var layout: BlockLayout
  /// How rows are kept as factors; nil where they are kept as they are.
  public internal(set) var factors: FactorLayout?
  /// How much of each block the factors keep, over the committed rows; nil where that is not known.
  public internal(set) var fidelity: [BlockFidelity]?
  /// Bytes that belong to the committed rows, by file name.
  public var fileSizes: [String: Int]
  /// CRC-32C of `gradients.bin`, once complete.
  public var gradientsChecksum: String?
  /// Checksums of the committed bytes, for verification; nil in stores of older versions.
  package var checksums: StoreChecksums?
  /// What the caller wants remembered: seed, model, data, anything.
  public var provenance: [String: String]
  /// Whether the manifest holds its own checksum, as those of older versions do not.
  package var isSealed = true
  /// Whether the bytes of all files were compared with their checksums since the store was opened.
  package var isVerified = false

  /// The manifest as JSON.
  var json: OrderedJSON {
    var members: OrderedDictionary<String, OrderedJSON> = [
      "format": "influencekit-gradients",
      "version": .integer(factors == nil ? Self.version : Self.factoredVersion),
      "rows": .integer(rows),
      "complete": .boolean(isComplete),
      "dtype": .string(elementType.name),
      "blocks": .array(
        layout.blocks.map { block in
          ["name": .string(block.name), "shape": .array(block.shape.map { .integer($0) })]
        }),
      "files": .object(fileSizes.sortedByKey.mapValues { .integer($0) }),
      "provenance": .object(provenance.sortedByKey.mapValues { .string($0) }),
    ]
    if let checksums { members["checksums"] = checksums.json }
    if let gradientsChecksum { members["gradients_crc32c"] = .string(gradientsChecksum) }
    if let factors { members["factors"] = factors.json(fidelity) }
    return .object(members)
  }

  /// What a row is in `gradients.bin`: the blocks, or the fields that factors of them are kept in.
  var fields: BlockLayout { factors?.fields ?? layout }

  /// The bytes of a row in `gradients.bin`.
  var rowBytes: Int { fields.columnCount * elementType.byteCount }
}

extension StoreManifest {
  /// Reads the manifest of a store directory; nil if it has none.
  ///
  /// - Throws: ``GradientStoreError/invalidField(path:field:reason:)`` or a file error.
  public init?(ofStoreAt directory: URL) throws {
    let url = directory.appending(path: Self.fileName)
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    let path = url.path
    let sealed = try SealedJSON(contentsOf: url)
    let json = sealed.content
    func invalid(_ field: String, _ reason: String) -> GradientStoreError {
      .invalidField(path: path, field: field, reason: reason + "; restore it from a copy")
    }
    guard json["format"]?.string == "influencekit-gradients" else {
      throw invalid("format", "is not \"influencekit-gradients\"")
    }
    guard let version = json["version"]?.integer, version >= 1 else {
      throw invalid("version", "is not a positive integer")
    }
    guard version <= Self.factoredVersion else {
      throw GradientStoreError.invalidField(
        path: path, field: "version",
        reason:
          "is \(version), newer than the \(Self.factoredVersion) that is known here; use the newer InfluenceKit that wrote it"
      )
    }
    guard let rows = json["rows"]?.integer, rows >= 0 else {
      throw invalid("rows", "is not a count")
    }
    guard let complete = json["complete"]?.boolean else {
      throw invalid("complete", "is not true or false")
    }
    guard let dtype = json["dtype"]?.string,
      let elementType = ElementType(numpy: dtype) ?? (dtype == "int8" ? .int8 : nil)
    else {
      throw invalid("dtype", "is not one of float16, bfloat16, float32, float64, int8")
    }
    guard let blocks = json["blocks"]?.array else { throw invalid("blocks", "is not an array") }
    let parameters = try blocks.enumerated().map { index, block in
      guard let name = block["name"]?.string, let dimensions = block["shape"]?.array else {
        throw invalid("blocks[\(index)]", "does not have a name and a shape")
      }
      let shape = dimensions.compactMap(\.integer)
      guard shape.count == dimensions.count else {
        throw invalid("blocks[\(index)].shape", "holds something that is not an integer")
      }
      return (name: name, shape: shape)
    }
    let layout = try BlockLayout(validating: parameters, path: path)
    guard (json["factors"] != nil) == (version == Self.factoredVersion) else {
      throw invalid("version", "is \(version), which does not go with factors, or without them")
    }
    let kept = try json["factors"].map {
      try FactorLayout.reading($0, of: layout, path: path)
    }
    guard let files = json["files"]?.object else { throw invalid("files", "is not an object") }
    var sizes: [String: Int] = [:]
    for (name, size) in files {
      guard let bytes = size.integer, bytes >= 0 else {
        throw invalid("files.\(name)", "is not a number of bytes")
      }
      sizes[name] = bytes
    }
    let expected = try Self.sizes(
      rows: rows, layout: layout, fields: kept?.factors.fields ?? layout, elementType: elementType,
      path: path)
    for (name, size) in expected where sizes[name] != size {
      throw invalid(
        "files.\(name)", "is not \(size), the bytes of \(rows) rows of these blocks")
    }
    guard sizes[StoreFile.examples] != nil else {
      throw invalid("files.\(StoreFile.examples)", "is missing")
    }
    let checksum = json["gradients_crc32c"]?.string.flatMap(Checksum.init)
    guard json["gradients_crc32c"] == nil || checksum != nil else {
      throw invalid("gradients_crc32c", "is not eight hexadecimal digits")
    }
    let checksums = try json["checksums"].map {
      try StoreChecksums(json: $0, rows: rows, elementType: elementType, path: path)
    }
    guard let notes = (json["provenance"] ?? [:]).object else {
      throw invalid("provenance", "is not an object")
    }
    var provenance: [String: String] = [:]
    for (key, value) in notes {
      guard let text = value.string else { throw invalid("provenance.\(key)", "is not a string") }
      provenance[key] = text
    }
    self.init(
      rows: rows, isComplete: complete, elementType: elementType, layout: layout,
      factors: kept?.factors, fidelity: kept?.fidelity, fileSizes: sizes,
      gradientsChecksum: checksum?.description, checksums: checksums,
      provenance: provenance)
    isSealed = sealed.isSealed
  }

  /// The bytes that a number of rows take in each file whose rows all have the same length.
  private static func sizes(
    rows: Int, layout: BlockLayout, fields: BlockLayout, elementType: ElementType, path: String
  ) throws(GradientStoreError) -> [(name: String, size: Int)] {
    var rowBytes = [
      (StoreFile.gradients, fields.columnCount * elementType.byteCount),
      (StoreFile.norms, layout.count * ElementType.float64.byteCount),
    ]
    if elementType == .int8 {
      rowBytes.append((StoreFile.scales, fields.count * ElementType.float32.byteCount))
    }
    var sizes: [(name: String, size: Int)] = []
    for (name, bytes) in rowBytes {
      let (size, overflow) = rows.multipliedReportingOverflow(by: bytes)
      guard !overflow else {
        throw .invalidField(
          path: path, field: "rows",
          reason: "is \(rows), more rows than a file can hold; restore it from a copy")
      }
      sizes.append((name, size))
    }
    return sizes
  }
}

extension BlockLayout {
  /// Places blocks that come from a file, whose names and dimensions cannot be trusted.
  ///
  /// - Throws: ``GradientStoreError/invalidField(path:field:reason:)``, or
  ///   ``GradientStoreError/unrecognised(path:found:)`` where no block has a column.
  init(
    validating parameters: [(name: String, shape: [Int])], path: String
  ) throws(GradientStoreError) {
    var names: Set<String> = []
    var columns = 0
    for (name, shape) in parameters {
      guard names.insert(name).inserted else {
        throw .invalidField(path: path, field: name, reason: "names two blocks; rename one")
      }
      var width = 1
      for dimension in shape {
        let (product, overflow) = width.multipliedReportingOverflow(by: dimension)
        guard dimension >= 0, !overflow else {
          throw .invalidField(
            path: path, field: name,
            reason: "has the impossible shape \("\(shape)".legible); write the store again")
        }
        width = product
      }
      let (sum, overflow) = columns.addingReportingOverflow(width)
      // A row's stride must fit a 32-bit BLAS integer.
      guard !overflow, sum <= Int(Int32.max) else {
        throw .invalidField(
          path: path, field: name,
          reason: "brings a row past 2147483647 columns; split the store by blocks")
      }
      columns = sum
    }
    // Rows without columns take no bytes, so that any number of them would pass for a store.
    guard columns > 0 else {
      throw .unrecognised(path: path, found: "there are no columns of gradients")
    }
    self.init(parameters)
  }
}
