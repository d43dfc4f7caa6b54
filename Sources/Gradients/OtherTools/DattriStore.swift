import Foundation
import OrderedCollections
import TensorFiles

/// Gradients that dattri keeps on disk: `batch_metadata.json`, and in the folder `grad` chunks of batches, each a file of
/// numbers without a header and a JSON file that says which batches its rows are.
///
/// The folder `ifvp` of the same layout has the same rows after the inverse was applied.
enum DattriStore: StoreFormat {
  private static let batches = "batch_metadata.json"
  private static let preconditioned = "ifvp"

  static func open(_ place: StorePlace) throws -> GradientStore? {
    guard place.fileKind == nil else { return nil }
    var (root, folder) = (place.url, place.url.appending(path: "grad"))
    if !FileManager.default.fileExists(atPath: root.appending(path: batches).path) {
      (root, folder) = (place.url.deletingLastPathComponent(), place.url)
      guard ["grad", preconditioned].contains(folder.lastPathComponent),
        FileManager.default.fileExists(atPath: root.appending(path: batches).path)
      else { return nil }
    }
    let plan = try Plan(root.appending(path: batches))
    guard let plan else { return nil }
    let chunks = try StorePlace(
      folder, allowsIncomplete: place.allowsIncomplete, sumsTokens: false, joinsRows: false,
      check: place.check
    ).entries().filter { $0.lastPathComponent.hasSuffix("_metadata.json") }
    var found: [Int: (rows: Range<Int>, chunk: Chunk)] = [:]
    for url in chunks {
      let chunk = try Chunk(url, plan: plan)
      for (batch, rows) in chunk.batches {
        guard found[batch] == nil else {
          throw GradientStoreError.inconsistent(
            path: url.path,
            reason:
              "batch \(batch) is in another chunk too, of an earlier run with other sizes; remove the files of the earlier run"
          )
        }
        found[batch] = (rows, chunk)
      }
    }
    var shards: [GradientStore.Shard] = []
    for batch in plan.order {
      guard let (rows, chunk) = found[batch] else { break }
      let start = shards.last?.rows.upperBound ?? 0
      guard plan.rows[batch] == start..<start + rows.count else {
        throw GradientStoreError.inconsistent(
          path: chunk.map.path,
          reason:
            "it has \(rows.count) rows of batch \(batch), not those that \(batches) says; copy the folder again"
        )
      }
      shards.append(
        GradientStore.Shard(
          rows: start..<start + rows.count, firstStoredRow: rows.lowerBound,
          storedRowCount: chunk.rows, blocks: try chunk.blocks(plan.layout, rows: rows),
          squaredNorms: nil, files: [chunk.map]))
    }
    let count = shards.last?.rows.upperBound ?? 0
    guard count == plan.count || place.allowsIncomplete else {
      throw GradientStoreError.incomplete(path: folder.path, committedRows: count)
    }
    var store = GradientStore(
      name: place.url.path, kind: .dattri, layout: plan.layout, shards: shards,
      manifests: shards.map { _ in nil })
    store.origin = StoreOrigin(
      tool: "dattri",
      known: [
        "every row is multiplied by the number of examples in its batch",
        folder.lastPathComponent == preconditioned
          ? "preconditioned, per layer" : "not preconditioned", "not normalised",
      ],
      unknown: [
        "whether the loss was a sum or a mean over its batch (rows are those of examples for a mean)",
        "kind and seed of a projection", "model and data",
      ])
    return store
  }

  /// What `batch_metadata.json` promises, before all of it is computed.
  struct Plan {
    let layout: BlockLayout
    let count: Int
    /// The rows of each batch.
    let rows: [Int: Range<Int>]
    /// The batches in the order of their rows.
    let order: [Int]

    /// Nil where the file is another tool's.
    init?(_ url: URL) throws {
      let json = try OrderedJSON(contentsOf: url)
      guard let batches = json["batch_info"]?.object, let names = json["layer_names"]?.array else {
        return nil
      }
      func invalid(_ field: String, _ reason: String) -> GradientStoreError {
        .invalidField(
          path: url.path, field: field, reason: reason + "; let dattri cache the gradients again")
      }
      guard let widths = json["layer_dims"]?.array else {
        throw invalid("layer_dims", "is not there, because dattri has not finished")
      }
      let parameters = zip(names.compactMap(\.string), widths.compactMap(\.integer)).map {
        (name: $0, shape: [$1])
      }
      guard parameters.count == names.count, names.count == widths.count else {
        throw invalid("layer_dims", "has not a number of columns for each of the layer_names")
      }
      layout = try BlockLayout(validating: parameters, path: url.path)
      guard let count = json["total_samples"]?.integer, count >= 0 else {
        throw invalid("total_samples", "is not a count")
      }
      guard json["total_proj_dim"]?.integer == layout.columnCount else {
        throw invalid("total_proj_dim", "is not the sum of layer_dims")
      }
      var rows: [Int: Range<Int>] = [:]
      for (key, batch) in batches {
        guard let number = Int(key), let start = batch["start_idx"]?.integer,
          let size = batch["sample_count"]?.integer, start >= 0, size > 0, size <= count,
          start <= count - size
        else { throw invalid("batch_info.\(key)", "is no batch of these \(count) examples") }
        rows[number] = start..<start + size
      }
      let order = rows.sorted { $0.value.lowerBound < $1.value.lowerBound }
      var next = 0
      for (number, range) in order {
        guard range.lowerBound == next else {
          throw invalid(
            "batch_info.\(number)", "overlaps another batch or leaves rows out before it")
        }
        next = range.upperBound
      }
      guard next == count else { throw invalid("total_samples", "is not the sum of the batches") }
      (self.count, self.rows) = (count, rows)
      self.order = order.map(\.key)
    }
  }

  /// One file of numbers, and the batches that it has.
  struct Chunk {
    let map: MemoryMap
    let rows: Int
    let elementType: ElementType
    let batches: [Int: Range<Int>]

    init(_ url: URL, plan: Plan) throws {
      let json = try OrderedJSON(contentsOf: url)
      func invalid(_ field: String, _ reason: String) -> GradientStoreError {
        .invalidField(
          path: url.path, field: field, reason: reason + "; let dattri cache the gradients again")
      }
      let types: [String: ElementType] = [
        "float32": .float32, "float16": .float16, "float64": .float64,
        // bfloat16, whose bits numpy can only hold as integers.
        "uint16": .bfloat16,
      ]
      guard let type = json["storage_dtype"]?.string.flatMap({ types[$0] }) else {
        throw invalid("storage_dtype", "is not one of float16, float32, float64, uint16")
      }
      guard let shape = json["shape"]?.array?.compactMap(\.integer), shape.count == 2,
        shape[0] >= 0, shape[1] == plan.layout.columnCount
      else { throw invalid("shape", "is not rows × \(plan.layout.columnCount)") }
      let name = url.lastPathComponent.dropLast("_metadata.json".count)
      map = try MemoryMap(
        opening: url.deletingLastPathComponent().appending(path: "\(name).mmap"))
      let rowBytes = shape[1] * type.byteCount
      let (expected, overflow) = shape[0].multipliedReportingOverflow(by: rowBytes)
      guard !overflow, map.count >= expected else {
        throw GradientStoreError.wrongSize(
          path: map.path, expected: overflow ? Int.max : expected, found: map.count,
          rows: shape[0], rowBytes: rowBytes)
      }
      var batches: [Int: Range<Int>] = [:]
      for (index, batch) in (json["batches"]?.array ?? []).enumerated() {
        guard let number = batch["batch_idx"]?.integer, plan.rows[number] != nil,
          batches[number] == nil, let start = batch["start_row"]?.integer,
          let end = batch["end_row"]?.integer, start >= 0, end > start, end <= shape[0]
        else { throw invalid("batches[\(index)]", "is no batch of these rows") }
        batches[number] = start..<end
      }
      (rows, elementType, self.batches) = (shape[0], type, batches)
    }

    func blocks(_ layout: BlockLayout, rows: Range<Int>) throws -> [BlockSource] {
      try StoreDirectory.blockSources(
        of: layout, rows: self.rows, elementType: elementType, gradients: map, scales: nil
      ).map { $0[rows: rows] }
    }
  }
}
