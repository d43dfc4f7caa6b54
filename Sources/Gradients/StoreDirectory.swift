import Foundation
import OrderedCollections
import TensorFiles

/// Gradients in a directory: `info.json` and `gradients.bin`, as bergson writes them, and what
/// InfluenceKit's own writer adds.
///
/// `info.json` has `num_grads` (rows), `num_items`, `grad_sizes` (block name to columns, in column
/// order) and `base_dtype`; `gradients.bin` is headerless, row-major, little-endian.
enum StoreDirectory {
  static let infoName = "info.json"
  static let gradientsName = "gradients.bin"
  static let normsName = "squared_norms.bin"
  static let examplesName = "examples.jsonl"

  static func open(_ url: URL, allowingIncomplete: Bool) throws -> GradientStore {
    let manifest = try StoreManifest(ofStoreAt: url)
    let info = try Info(ofStoreAt: url)
    if let manifest, !manifest.isComplete, !allowingIncomplete {
      throw GradientStoreError.incomplete(path: url.path, committedRows: manifest.rows)
    }
    let layout = manifest?.layout ?? info.layout
    guard layout.blocks.map(\.name) == info.layout.blocks.map(\.name),
      layout.blocks.map(\.columns) == info.layout.blocks.map(\.columns)
    else {
      throw GradientStoreError.inconsistent(
        path: url.path,
        reason:
          "info.json and manifest.json describe different blocks; one of them belongs to another store"
      )
    }
    let rows = manifest?.rows ?? info.rows
    let elementType = manifest?.elementType ?? info.elementType
    let rowBytes = layout.columnCount * elementType.byteCount
    let map = try MemoryMap(opening: url.appending(path: gradientsName))
    let (expected, overflow) = rows.multipliedReportingOverflow(by: rowBytes)
    // While a store is being written, bytes past the committed rows are not part of it.
    let isWhole =
      manifest.map { !$0.isComplete } ?? false ? map.count >= expected : map.count == expected
    guard !overflow, isWhole else {
      throw GradientStoreError.wrongSize(
        path: map.path, expected: overflow ? Int.max : expected, found: map.count, rows: rows,
        rowBytes: rowBytes)
    }
    let sources = try layout.blocks.map { block in
      BlockSource.mapped(
        try MappedMatrix(
          in: map, elementType: elementType,
          // A store of no rows has no bytes for later blocks to start at.
          byteOffset: rows == 0 ? 0 : block.columns.lowerBound * elementType.byteCount,
          rows: rows, columns: block.width, rowStride: layout.columnCount))
    }
    var norms: MappedMatrix?
    if manifest != nil {
      norms = try MappedMatrix(
        in: MemoryMap(opening: url.appending(path: normsName)), elementType: .float64,
        byteOffset: 0, rows: rows, columns: layout.count)
    }
    return GradientStore(
      name: url.path, kind: .directory, layout: layout,
      shards: [
        GradientStore.Shard(
          rows: 0..<rows, blocks: sources, squaredNorms: norms, files: [map])
      ], manifests: [manifest])
  }

  /// The contents of `info.json`.
  struct Info {
    let rows: Int
    let layout: BlockLayout
    let elementType: ElementType

    init(rows: Int, layout: BlockLayout, elementType: ElementType) {
      self.rows = rows
      self.layout = layout
      self.elementType = elementType
    }

    init(ofStoreAt directory: URL) throws {
      let url = directory.appending(path: StoreDirectory.infoName)
      let path = url.path
      let json = try OrderedJSON(contentsOf: url)
      func invalid(_ field: String, _ reason: String) -> GradientStoreError {
        .invalidField(
          path: path, field: field,
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
      guard let name = json["base_dtype"]?.string else {
        throw invalid(
          "base_dtype",
          "is missing or no string (old versions of bergson wrote none)")
      }
      guard let elementType = ElementType(numpy: name) else {
        throw invalid("base_dtype", "is \(name.quoted), not float16, bfloat16, float32 or float64")
      }
      self.init(
        rows: rows, layout: try BlockLayout(validating: parameters, path: path),
        elementType: elementType)
    }

    var json: OrderedJSON {
      .object([
        "attribute_tokens": .boolean(false),
        "num_items": .integer(rows),
        "num_grads": .integer(rows),
        "grad_sizes": .object(
          OrderedDictionary(
            uniqueKeysWithValues: layout.blocks.map { ($0.name, .integer($0.width)) })),
        "base_dtype": .string(elementType.name),
      ])
    }
  }
}
