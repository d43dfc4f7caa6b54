import Foundation
import InfluenceKit
import OrderedCollections

/// The training examples' texts, and which of them are known to be mislabelled, from a user's file.
struct ExampleTexts {
  let texts: [String]

  private static let keys = ["train_texts", "texts", "examples", "train"]
  /// The first of these that holds a text is shown; `content` is that of a message.
  private static let textKeys = [
    "text", "prompt", "sentence", "instruction", "question", "input", "content", "id",
  ]

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
      // A chat, as a list of messages with role and content, or from and value.
      if let messages = object["messages"]?.array ?? object["conversations"]?.array {
        let turns = messages.compactMap { $0["content"]?.string ?? $0["value"]?.string }
        if !turns.isEmpty { return turns.joined(separator: " ⏎ ") }
      }
      let texts = textKeys.lazy.compactMap { object[$0]?.string }
      if let text = texts.first(where: { !$0.isEmpty }) ?? texts.first {
        // An instruction and what it is about, as Alpaca's are.
        let input = object["instruction"]?.string == text ? object["input"]?.string ?? "" : ""
        return input.isEmpty ? text : "\(text) ⏎ \(input)"
      }
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

  /// The rows known to be mislabelled: a JSON array of indices, or one under `flipped`, or a mask of one 0 or 1,
  /// true or false, per training row.
  static func flippedRows(at url: URL, count: Int) throws -> Set<Int> {
    let json = try SealedJSON(contentsOf: url).content
    guard let list = json.array ?? json["flipped"]?.array else {
      throw Failure.data(
        "\(url.path): field flipped is missing; give the flipped rows' indices as an array")
    }
    if let mask = mask(list, count: count) { return try checked(mask, url, count) }
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
    var seen: Set<Int> = []
    if let repeated = rows.first(where: { !seen.insert($0).inserted }) {
      throw Failure.data(
        "\(url.path): field flipped names row \(repeated) twice; give each flipped row once, or a mask of one 0 or 1 for each of the \(count) training rows"
      )
    }
    return try checked(seen, url, count)
  }

  /// The rows of a mask; nil where the list is none: with one 0 or 1 per row it can be no list of rows, in which
  /// one of them would repeat.
  private static func mask(_ list: [OrderedJSON], count: Int) -> Set<Int>? {
    guard list.count == count else { return nil }
    let values = list.compactMap { $0.boolean ?? $0.integer.flatMap { [0: false, 1: true][$0] } }
    guard values.count == count, count > 2 || list.allSatisfy({ $0.boolean != nil }) else {
      return nil
    }
    return Set(values.indices.filter { values[$0] })
  }

  private static func checked(_ rows: Set<Int>, _ url: URL, _ count: Int) throws -> Set<Int> {
    guard !rows.isEmpty, rows.count < count else {
      throw Failure.data(
        "\(url.path): field flipped names \(rows.isEmpty ? "no row" : "all \(count) rows"), so there is nothing to tell apart; leave --flipped out"
      )
    }
    return rows
  }
}
