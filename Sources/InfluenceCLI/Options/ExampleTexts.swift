import Foundation
import InfluenceKit
import OrderedCollections

/// The training examples' texts, and which of them are known to be mislabelled, from a user's file.
struct ExampleTexts {
  let texts: [String]

  private static let keys = ["train_texts", "texts", "examples", "train"]
  private static let textKeys = ["text", "prompt", "sentence", "input", "id"]

  /// Reads JSON or, for a name ending in `.jsonl`, one JSON value per line.
  init(at url: URL) throws {
    if url.pathExtension == "jsonl" {
      let map = try MemoryMap(opening: url)
      let lines = try map.bytes(in: 0..<map.count).split(separator: UInt8(ascii: "\n"))
      var offset = 0
      var values: [OrderedJSON] = []
      for line in lines {
        values.append(try OrderedJSON(parsing: Array(line), path: url.path, offset: offset))
        offset += line.count + 1
      }
      texts = try values.enumerated().map { try Self.text($1, index: $0, path: url.path) }
      return
    }
    let json = try OrderedJSON(contentsOf: url)
    guard let list = json.array ?? Self.keys.lazy.compactMap({ json[$0]?.array }).first else {
      throw Failure.data(
        "\(url.path): there is neither an array of examples nor one under \(Self.keys.joined(separator: ", ")); give one text a training row"
      )
    }
    texts = try list.enumerated().map { try Self.text($1, index: $0, path: url.path) }
  }

  private static func text(_ json: OrderedJSON, index: Int, path: String) throws -> String {
    if let text = json.string { return text }
    if let object = json.object {
      if let text = textKeys.lazy.compactMap({ object[$0]?.string }).first { return text }
      return try json.serialized()
    }
    throw Failure.data(
      "\(path): example \(index) is \(json.kind), not a string or an object; give its text")
  }

  /// One example's text, cut to a table's width.
  func shortened(_ index: Int, to length: Int = 80) -> String {
    let text = texts[index]
    return text.count > length ? text.prefix(length - 1) + "…" : text
  }

  /// The rows known to be mislabelled: a JSON array of indices, or one under `flipped`.
  static func flippedRows(at url: URL, count: Int) throws -> Set<Int> {
    let json = try OrderedJSON(contentsOf: url)
    guard let list = json.array ?? json["flipped"]?.array else {
      throw Failure.data(
        "\(url.path): field flipped is missing; give the flipped rows' indices as an array")
    }
    let rows = list.compactMap(\.integer)
    guard rows.count == list.count else {
      throw Failure.data(
        "\(url.path): field flipped holds something that is not an index; give row numbers from 0")
    }
    if let outside = rows.first(where: { $0 < 0 || $0 >= count }) {
      throw Failure.data(
        "\(url.path): field flipped names row \(outside), but there are \(count) training rows; give the file that belongs to these gradients"
      )
    }
    guard !rows.isEmpty, Set(rows).count < count else {
      throw Failure.data(
        "\(url.path): field flipped names \(rows.isEmpty ? "no row" : "all \(count) rows"), so there is nothing to tell apart; leave --flipped out"
      )
    }
    return Set(rows)
  }
}
