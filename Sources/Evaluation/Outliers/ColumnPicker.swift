package import Gradients
package import LinearAlgebra

/// Draws splits of examples by single columns of a store's gradients.
package struct ColumnPicker: Sendable {
  private let store: GradientStore
  /// The blocks that are looked at, each with the place of its first column among all columns.
  private let blocks: [(index: Int, first: Int)]
  private let columnCount: Int

  /// How often a column is drawn before all columns are compared.
  private static let trials = 32
  /// How many columns are compared at a time.
  private static let width = 4096

  package init(store: GradientStore, blocks: [Int]) {
    self.store = store
    var first = 0
    var places: [(index: Int, first: Int)] = []
    for block in blocks {
      places.append((block, first))
      first += store.layout.blocks[block].width
    }
    self.blocks = places
    columnCount = first
  }

  /// Examples in two parts: those with a number below the threshold, and the others.
  package struct Split {
    package let block: Int
    package let column: Int
    package let threshold: Double
    package let left: [Int]
    package let right: [Int]
  }

  /// A split of the examples into two parts that are not empty; nil where all examples are the same.
  ///
  /// Drawing until examples differ, and drawing from a list of the columns on which they differ, are the same
  /// distribution; the list is made only where most columns are constant.
  package func split(of rows: [Int], using generator: inout SeededGenerator) throws -> Split? {
    guard columnCount > 0 else { return nil }
    for _ in 0..<Self.trials {
      let column = generator.index(below: columnCount)
      if let split = try split(of: rows, at: column, using: &generator) { return split }
    }
    let differing = try differingColumns(of: rows)
    guard !differing.isEmpty else { return nil }
    return try split(
      of: rows, at: differing[generator.index(below: differing.count)], using: &generator)
  }

  private func place(_ column: Int) -> (block: Int, column: Int) {
    // The last block that starts at or before it.
    var (low, high) = (0, blocks.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if blocks[middle].first <= column { low = middle } else { high = middle }
    }
    return (blocks[low].index, column - blocks[low].first)
  }

  private func split(
    of rows: [Int], at column: Int, using generator: inout SeededGenerator
  ) throws -> Split? {
    let (block, column) = place(column)
    let values = try rows.map { row in
      try store.rows(row..<row + 1, of: block, columns: column..<column + 1, as: Double.self)[0, 0]
    }
    guard let least = values.min(), let most = values.max(), least < most else { return nil }
    let share = generator.uniform()
    var threshold = least * (1 - share) + most * share
    // By rounding it may be the least value, which nothing is below.
    if threshold <= least || threshold > most { threshold = most }
    return Split(
      block: block, column: column, threshold: threshold,
      left: zip(rows, values).filter { $1 < threshold }.map(\.0),
      right: zip(rows, values).filter { $1 >= threshold }.map(\.0))
  }

  private func differingColumns(of rows: [Int]) throws -> [Int] {
    var differing: [Int] = []
    for (block, first) in blocks {
      let width = store.layout.blocks[block].width
      for start in stride(from: 0, to: width, by: Self.width) {
        let range = start..<min(width, start + Self.width)
        let reference = Matrix(
          try store.rows(rows[0]..<rows[0] + 1, of: block, columns: range, as: Double.self))
        var differs = [Bool](repeating: false, count: range.count)
        for row in rows.dropFirst() {
          let other = Matrix(
            try store.rows(row..<row + 1, of: block, columns: range, as: Double.self))
          for index in differs.indices where other.elements[index] != reference.elements[index] {
            differs[index] = true
          }
        }
        differing += differs.indices.filter { differs[$0] }.map { first + start + $0 }
      }
    }
    return differing
  }
}
