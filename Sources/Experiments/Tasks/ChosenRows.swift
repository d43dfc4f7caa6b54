internal import InfluenceKit

/// Training rows that a model is trained on again, and what chose them.
struct ChosenRows: Sendable {
  /// The name of the ranking.
  let name: String
  /// Ascending.
  let rows: [Int]

  init(_ name: String, _ rows: [Int]) {
    self.name = name
    self.rows = rows
  }

  /// Rows at random; those of a larger number hold those of a smaller one of the same draw.
  ///
  /// - Parameters:
  ///   - count: How many.
  ///   - all: Of how many.
  ///   - seed: Decides the order, with the draw.
  ///   - draw: Which draw, from 0.
  static func random(
    _ name: String, _ count: Int, of all: Int, seed: UInt64, draw: Int
  ) -> ChosenRows {
    var generator = SeededGenerator(seed: seed, stream: 0x6472_6177 + UInt64(draw))
    return ChosenRows(name, generator.permutation(all).prefix(count).sorted())
  }

  /// The share of the rows that are among wrong ones, from 0 to 1.
  func share(of wrong: Set<Int>) -> Double {
    Double(rows.count { wrong.contains($0) }) / Double(rows.count)
  }

  /// The share of its rows that is chosen of the class that loses most, from 0 to 1.
  ///
  /// - Parameter labels: The class of every training row.
  func leastShareOfAClass(_ labels: [Int]) -> Double {
    let all = Dictionary(grouping: labels) { $0 }.mapValues(\.count)
    let kept = Dictionary(grouping: rows.map { labels[$0] }) { $0 }.mapValues(\.count)
    return all.map { Double(kept[$0] ?? 0) / Double($1) }.min() ?? 0
  }
}
