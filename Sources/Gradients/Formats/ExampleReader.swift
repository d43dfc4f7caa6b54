import Foundation
import OrderedCollections
import TensorFiles

/// Reads the lines of `examples.jsonl` of a store's shards, from the first to the last.
struct ExampleReader {
  /// What is known about an example: `id` and `loss`, and whatever else its line holds.
  typealias Members = OrderedDictionary<String, OrderedJSON>

  private struct Part {
    /// The rows of the store that the part has.
    let rows: Range<Int>
    /// The first of them among the rows that the lines count.
    let firstStoredRow: Int
    let map: MemoryMap
    let size: Int
    /// How many rows the lines can be about, where another program wrote them.
    ///
    /// They need not say which: the first is about row 0.
    var foreignRows: Int?
    var isForeign: Bool { foreignRows != nil }
  }

  private let parts: [Part]
  private var part = 0
  private var offset = 0
  /// Of lines by another program: the row that comes next where a line does not say its own.
  private var nextRow = 0
  /// Of those: how many lines were read, and whether each left open its row.
  private var lineCount = 0
  private var areCounted = true
  private var buffer: ArraySlice<UInt8> = []
  private var pending: (row: Int, members: Members)?

  /// Starts with the first line of the first shard.
  ///
  /// In a directory without a manifest, `examples.jsonl` has one line per row, which may say its `row`.
  init(of store: GradientStore) throws {
    parts = try zip(store.shards, store.manifests).compactMap { shard, manifest in
      if manifest == nil, [.directory, .shards, .numpyDirectory].contains(store.kind),
        let url = shard.directory?.appending(path: StoreFile.examples),
        FileManager.default.fileExists(atPath: url.path)
      {
        let map = try MemoryMap(opening: url)
        return Part(
          rows: shard.rows, firstStoredRow: shard.firstStoredRow, map: map, size: map.count,
          foreignRows: shard.storedRows)
      }
      if manifest == nil, let url = Self.file(besideOnlyFileOf: store) {
        let map = try MemoryMap(opening: url)
        return Part(
          rows: shard.rows, firstStoredRow: shard.firstStoredRow, map: map, size: map.count,
          foreignRows: shard.storedRows)
      }
      guard let size = manifest?.fileSizes[StoreFile.examples], size > 0,
        let directory = shard.directory
      else { return nil }
      let map = try MemoryMap(opening: directory.appending(path: StoreFile.examples))
      guard map.count == size || map.count > size && manifest?.isComplete == false else {
        throw GradientStoreError.damaged(
          path: map.path, recorded: "of \(size) bytes", found: "of \(map.count) bytes")
      }
      // All of it is read anyway, and parsing takes longer.
      if manifest?.isVerified == false {
        try manifest?.checksums?.examples.require(of: map, byteCount: size)
      }
      return Part(
        rows: shard.rows, firstStoredRow: shard.firstStoredRow, map: map, size: size)
    }
  }

  /// Where it is said what is known of the examples of a single file of gradients: `train.npy.examples.jsonl`.
  static func file(besideFileAt url: URL) -> URL {
    url.deletingLastPathComponent().appending(
      path: "\(url.lastPathComponent).\(StoreFile.examples)")
  }

  /// The same, of a store that is one file; nil where there is none.
  private static func file(besideOnlyFileOf store: GradientStore) -> URL? {
    guard [.safetensors, .numpy].contains(store.kind), store.shards.count == 1,
      let only = store.shards[0].files.first, store.shards[0].files.count == 1,
      only.path == store.name
    else { return nil }
    let url = file(besideFileAt: URL(filePath: only.path))
    return FileManager.default.fileExists(atPath: url.path) ? url : nil
  }

  /// The lines of some rows, as far as there are any; earlier rows are skipped.
  ///
  /// - Parameter rows: Rows of the whole store, after those of the last call.
  mutating func take(_ rows: Range<Int>) throws -> [(row: Int, members: Members)] {
    var taken: [(row: Int, members: Members)] = []
    while let next = try pending ?? record() {
      guard next.row < rows.upperBound else {
        pending = next
        break
      }
      pending = nil
      if next.row >= rows.lowerBound { taken.append(next) }
    }
    return taken
  }

  /// The lines of some rows as they stand in a file whose first row is `first`.
  mutating func lines(of rows: Range<Int>, countedFrom first: Int) throws -> [UInt8] {
    try take(rows).flatMap { row, members in
      var members = members
      members["row"] = .integer(row - first)
      return try Self.line(members)
    }
  }

  /// The lines of some rows with more known of each of them, which takes the place of what the lines say.
  mutating func lines(
    of rows: Range<Int>, countedFrom first: Int, adding more: (Int) -> Members
  ) throws -> [UInt8] {
    let known = Dictionary(uniqueKeysWithValues: try take(rows))
    return try rows.flatMap { row in
      var members: Members = ["row": .integer(row - first)]
      members.merge(known[row] ?? [:]) { kept, _ in kept }
      members.merge(more(row)) { _, new in new }
      return try Self.line(members)
    }
  }

  /// An example's line, with its end.
  static func line(_ members: Members) throws -> [UInt8] {
    Array((try OrderedJSON.object(members).serialized() + "\n").utf8)
  }

  private mutating func record() throws -> (row: Int, members: Members)? {
    while part < parts.count {
      let current = parts[part]
      let start = offset - buffer.count
      guard let line = try line(of: current) else {
        try checkEnd(of: current)
        (part, offset, nextRow, buffer) = (part + 1, 0, 0, [])
        (lineCount, areCounted) = (0, true)
        continue
      }
      let text = start == 0 ? ByteOrderMark.removed(from: line) : line
      if current.isForeign, text.allSatisfy({ $0 == 0x20 || $0 == 0x0d }) { continue }
      let json = try OrderedJSON(parsing: text, path: current.map.path, offset: start)
      let isCounted = current.isForeign && json["row"] == nil
      let number = isCounted ? nextRow : json["row"]?.integer
      guard let members = json.object, let row = number, row >= nextRow else {
        throw GradientStoreError.invalidField(
          path: current.map.path, field: "row",
          reason:
            "is not a row's number, larger than those before, in the line at byte \(start); restore the file from a copy"
        )
      }
      if let rows = current.foreignRows {
        nextRow = row + 1
        lineCount += 1
        areCounted = areCounted && isCounted
        guard isCounted || row < rows else {
          throw GradientStoreError.inconsistent(
            path: current.map.path,
            reason:
              "the line at byte \(start) is about row \(row), but there are \(rows) rows of gradients, from 0; give the file of these gradients"
          )
        }
      }
      // A part of a shard has some of the rows that the lines are about.
      let place = current.rows.lowerBound + row - current.firstStoredRow
      guard current.rows.contains(place) else { continue }
      return (place, members)
    }
    return nil
  }

  /// Refuses lines that leave open their rows, and are not as many as these.
  private func checkEnd(of part: Part) throws(GradientStoreError) {
    guard let rows = part.foreignRows, areCounted, lineCount > 0, lineCount != rows else { return }
    throw .inconsistent(
      path: part.map.path,
      reason:
        "it has \(lineCount) lines beside \(rows) rows of gradients; give a line per row, or say in each line its \"row\", from 0"
    )
  }

  /// The next line, without its end; nil after the last.
  private mutating func line(of part: Part) throws -> [UInt8]? {
    var searched = 0
    while true {
      if let end = buffer.dropFirst(searched).firstIndex(of: UInt8(ascii: "\n")) {
        let line = Array(buffer[..<end])
        buffer = buffer[(end + 1)...]
        return line
      }
      searched = buffer.count
      guard offset < part.size else {
        defer { buffer = [] }
        return buffer.isEmpty ? nil : Array(buffer)
      }
      let end = min(part.size, offset + (1 << 20))
      buffer = try ArraySlice(Array(buffer) + part.map.bytes(in: offset..<end))
      offset = end
    }
  }
}
