import Foundation
import TensorFiles

/// Gradients that logix logs: files `log_rank_R_chunk_C.mmap` of numbers without a header, each with a JSON array beside it that
/// has an object for each example.
///
/// Arrays of an example lie back to back, and examples one after the other. Chunks are taken by rank and number; ranks have
/// other examples, as a sampler dealt them, so that rows are known by their ids.
enum LogixStore: StoreFormat {
  static func open(_ place: StorePlace) throws -> GradientStore? {
    let chunks = try place.entries().compactMap { url -> (rank: Int, chunk: Int, url: URL)? in
      guard
        let match = url.lastPathComponent.wholeMatch(of: /log_rank_([0-9]+)_chunk_([0-9]+)\.mmap/),
        let rank = Int(match.1), let chunk = Int(match.2)
      else { return nil }
      return (rank, chunk, url)
    }.sorted { ($0.rank, $0.chunk) < ($1.rank, $1.chunk) }
    guard !chunks.isEmpty else { return nil }
    var layout: BlockLayout?
    var shards: [GradientStore.Shard] = []
    var ids: [String?] = []
    for (_, _, url) in chunks {
      let list = url.deletingPathExtension().path + "_metadata.json"
      guard FileManager.default.fileExists(atPath: list) else {
        guard place.allowsIncomplete else {
          throw GradientStoreError.inconsistent(
            path: url.path,
            reason:
              "logix has not finished this chunk: the list of its examples, which is written last, is missing; log the examples again, or open the chunks that there are by asking for incomplete stores"
          )
        }
        continue
      }
      let chunk = try Chunk(url, list: URL(filePath: list))
      guard layout == nil || layout == chunk.layout else {
        throw GradientStoreError.inconsistent(
          path: list,
          reason:
            "its modules are others than those of the chunks before; keep each run in a folder of its own"
        )
      }
      layout = chunk.layout
      let start = ids.count
      ids += chunk.ids
      shards.append(
        GradientStore.Shard(
          rows: start..<ids.count, blocks: try chunk.blocks(), squaredNorms: nil,
          files: [chunk.map]))
    }
    guard let layout else {
      throw GradientStoreError.incomplete(path: place.url.path, committedRows: 0)
    }
    let repeated = ids.count - Set(ids).count
    var store = GradientStore(
      name: place.url.path, kind: .logix, layout: layout, shards: shards,
      manifests: shards.map { _ in nil }, companions: Companions(exampleIDs: ids))
    store.origin = StoreOrigin(
      tool: "logix",
      known: [
        "gradients of weights without biases, outputs × inputs", "not normalised",
        layout.blocks.contains { $0.name.contains(".logix_lora_") }
          ? "projected by LoGra" : "not projected",
      ]
        + (repeated > 0
          ? ["\(repeated) rows have the id of another, which logix itself leaves out"] : []),
      unknown: [
        "whether the loss was a sum or a mean over its batch", "order of the data set",
        "model and data",
      ])
    return store
  }

  /// One file of numbers with the list of its examples, which all have the same modules.
  struct Chunk {
    let map: MemoryMap
    let layout: BlockLayout
    let ids: [String?]
    private let elementType: ElementType

    init(_ url: URL, list: URL) throws {
      let json = try OrderedJSON(contentsOf: list)
      func invalid(_ row: Int, _ field: String, _ reason: String) -> GradientStoreError {
        .invalidField(
          path: list.path, field: "[\(row)].\(field)", reason: reason + "; log the examples again")
      }
      guard let entries = json.array, let first = entries.first else {
        throw GradientStoreError.inconsistent(
          path: list.path, reason: "it is no list of examples; log them again")
      }
      guard let type = first["dtype"]?.string.flatMap({ ElementType(numpy: $0) }) else {
        throw invalid(
          0, "dtype",
          "is \((first["dtype"]?.string ?? "nothing").quoted), not float16, float32 or float64")
      }
      let paths = try (first["path"]?.array ?? []).map { path in
        let parts = path.array?.compactMap(\.string) ?? []
        guard parts.count == 2, parts[1] == "grad" else {
          throw invalid(0, "path", "names something else than gradients of modules")
        }
        return parts[0]
      }
      let shapes = (first["shape"]?.array ?? []).map { json -> [Int] in
        let numbers = json.array?.compactMap(\.integer) ?? []
        return numbers.count == json.array?.count ? numbers : [-1]
      }
      guard paths.count == shapes.count else {
        throw invalid(0, "shape", "has not a shape for each module")
      }
      layout = try BlockLayout(
        validating: zip(paths, shapes).map { (name: $0, shape: $1) }, path: list.path)
      let rowBytes = layout.columnCount * type.byteCount
      for (row, entry) in entries.enumerated() {
        for field in ["path", "shape", "dtype"] where entry[field] != first[field] {
          throw invalid(row, field, "is not that of the first example")
        }
        guard entry["block_size"]?.integer == layout.columnCount else {
          throw invalid(row, "block_size", "is not the \(layout.columnCount) numbers of the shapes")
        }
        let (offset, overflow) = row.multipliedReportingOverflow(by: rowBytes)
        guard !overflow, entry["offset"]?.integer == offset else {
          throw invalid(row, "offset", "is not \(offset), where the example before it ends")
        }
      }
      ids = entries.map { $0["data_id"]?.string }
      map = try MemoryMap(opening: url)
      let (expected, overflow) = entries.count.multipliedReportingOverflow(by: rowBytes)
      guard !overflow, map.count == expected else {
        throw GradientStoreError.wrongSize(
          path: map.path, expected: overflow ? Int.max : expected, found: map.count,
          rows: entries.count, rowBytes: rowBytes)
      }
      elementType = type
    }

    func blocks() throws -> [BlockSource] {
      try StoreDirectory.blockSources(
        of: layout, rows: ids.count, elementType: elementType, gradients: map, scales: nil)
    }
  }
}
