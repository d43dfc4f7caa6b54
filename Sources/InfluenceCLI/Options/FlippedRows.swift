import Foundation
import InfluenceKit

/// The training rows whose labels are known to be wrong, from a user's file.
enum FlippedRows {
  /// Reads a JSON array of row numbers, or one under `flipped`, or a mask of one 0 or 1, true or false, per
  /// training row.
  static func rows(at url: URL, count: Int) throws -> Set<Int> {
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
