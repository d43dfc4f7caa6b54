import Foundation
import OrderedCollections
import TensorFiles

/// The cache of dattri-LLM: `index.jsonl` says which steps of a training are in which files, `batch_N.mmap.bin` has numbers
/// without a header, and `batch_N.mmap.meta`, a dictionary that PyTorch saved, where each layer's lie.
///
/// Of a linear layer these are gradients, or the two factors that they are sums of products of. Rows are examples of one step
/// after the other, in the order of the index, and called by the hashes or ids that dattri-LLM knows them by.
enum DattriLLMStore: StoreFormat {
  private static let log = "index.jsonl"
  private static let settings = "index_meta.json"
  private static let version = 2

  static func open(_ place: StorePlace) throws -> GradientStore? {
    guard place.fileKind == nil else { return nil }
    func has(_ folder: URL) -> Bool {
      [log, settings].allSatisfy {
        FileManager.default.fileExists(atPath: folder.appending(path: $0).path)
      }
    }
    let ranks = try place.entries().filter { $0.lastPathComponent.hasPrefix("rank_") }
    let folders = ([place.url] + ranks).filter(has)
    guard !folders.isEmpty else { return nil }
    var layout: BlockLayout?
    // Records are often of one example each.
    var pieces: [[(source: BlockSource, rows: Int)]] = []
    var ids: [String?] = []
    var files: [String: DattriLLMFile] = [:]
    var steps: OrderedSet<Int> = []
    for folder in folders {
      for entry in try entries(of: folder, allowsIncomplete: place.allowsIncomplete) {
        let file = try files[entry.file] ?? DattriLLMFile(entry.file, in: place)
        files[entry.file] = file
        let record = try file.record(entry.index, examples: entry.ids.count)
        guard layout == nil || layout == record.layout else {
          throw GradientStoreError.inconsistent(
            path: file.path,
            reason:
              "record \(entry.index) has other layers, or of other sizes, than those before it; collect the gradients again, of the same layers in each step"
          )
        }
        layout = record.layout
        ids += entry.ids
        steps.append(entry.step)
        if pieces.isEmpty { pieces = record.blocks.map { _ in [] } }
        for (index, block) in record.blocks.enumerated() {
          pieces[index].append((block, entry.ids.count))
        }
      }
    }
    guard let layout, !ids.isEmpty else {
      throw GradientStoreError.unrecognised(path: place.url.path, found: "the index is empty")
    }
    let shard = GradientStore.Shard(
      rows: 0..<ids.count, blocks: pieces.map { .derived(SplicedRows($0), firstRow: 0) },
      squaredNorms: nil, files: files.values.map(\.map).sorted { $0.path < $1.path })
    var store = GradientStore(
      name: place.url.path, kind: .dattriLLM, layout: layout, shards: [shard],
      companions: Companions(exampleIDs: ids))
    let repeated = ids.count - Set(ids).count
    store.origin = StoreOrigin(
      tool: "dattri-LLM",
      known: [
        "sums over tokens of products of two factors, or gradients as they were captured; outputs × inputs, a bias as the last input",
        steps.count == 1
          ? "of step \(steps[0]) of a training" : "of \(steps.count) steps of a training",
      ]
        + (repeated > 0
          ? [
            "\(repeated) rows are of examples that have a row already, at another step: with other parameters"
          ] : []),
      unknown: [
        "whether the loss was a sum or a mean over its batch",
        "whether rows are raw, projected or an optimizer's update directions", "model and data",
      ])
    return store
  }

  /// One record of the index.
  private struct Entry {
    let file: String
    let index: Int
    let step: Int
    let ids: [String?]
  }

  private static func entries(of folder: URL, allowsIncomplete: Bool) throws -> [Entry] {
    let place = folder.appending(path: settings)
    guard try OrderedJSON(contentsOf: place)["format"]?.integer == version else {
      throw GradientStoreError.invalidField(
        path: place.path, field: "format",
        reason: "is not \(version); collect the gradients again with dattri-LLM 0.1")
    }
    let url = folder.appending(path: log)
    let map = try MemoryMap(opening: url)
    let bytes = try map.bytes(in: 0..<map.count)
    guard bytes.isEmpty || bytes.last == UInt8(ascii: "\n") || allowsIncomplete else {
      throw GradientStoreError.inconsistent(
        path: url.path,
        reason:
          "its last line is cut short, as a killed training leaves it; collect the gradients again, or open the steps before it by asking for incomplete stores"
      )
    }
    let end = (bytes.lastIndex(of: UInt8(ascii: "\n")) ?? -1) + 1
    var entries: [Entry] = []
    for (number, line) in bytes[..<end].split(separator: UInt8(ascii: "\n")).enumerated() {
      let json = try OrderedJSON(parsing: Array(line), path: url.path, offset: line.startIndex)
      func invalid(_ field: String, _ reason: String) -> GradientStoreError {
        .invalidField(
          path: url.path, field: "line \(number + 1).\(field)",
          reason: reason + "; collect the gradients again")
      }
      guard let file = json["file"]?.string, let records = json["records"]?.array else {
        throw invalid("records", "is no list of records of a file")
      }
      for (place, record) in records.enumerated() {
        guard let index = record["idx"]?.integer, index >= 0, let step = record["step"]?.integer,
          let hashes = record["hashes"]?.array, !hashes.isEmpty
        else { throw invalid("records[\(place)]", "has no number, step and examples") }
        let ids = hashes.map { $0.string ?? $0.integer.map(String.init) }
        guard !ids.contains(nil) else {
          throw invalid("records[\(place)].hashes", "holds what is neither text nor integer")
        }
        entries.append(Entry(file: file, index: index, step: step, ids: ids))
      }
    }
    return entries
  }
}
