import InfluenceKit
import TestSupport
import Testing

/// A selection is what a full sort gives, ties and all.
@Suite("Top examples")
struct TopExamplesTests {
  /// Scores with many ties: few different values.
  private func scores(_ count: Int, values: Int, seed: UInt64) -> [Double] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Double(Int.random(in: 0..<values, using: &generator) - values / 2)
    }
  }

  private func expectSorted(_ scores: [Double], _ count: Int) throws {
    let top = try TopExamples(of: scores, count: count)
    let shown = min(count, scores.count)
    for (entries, largest) in [(top.helpful, true), (top.harmful, false)] {
      let indices = try Ranking.topIndices(shown, of: scores, largest: largest)
      #expect(entries.map(\.example) == indices)
      #expect(entries.map(\.score) == indices.map { scores[$0] })
    }
  }

  @Test(
    "Equal to a full sort, with ties",
    arguments: [1, 2, 3, 50, 99, 100, 101, 1000, Int.max], [2, 7, 1_000_000])
  func sorted(count: Int, values: Int) throws {
    for seed in UInt64(0)..<5 {
      try expectSorted(scores(100, values: values, seed: seed), count)
    }
  }

  @Test("Ascending, descending and constant scores", arguments: [1, 4, 30])
  func ordered(count: Int) throws {
    try expectSorted((0..<200).map(Double.init), count)
    try expectSorted((0..<200).map { Double(-$0) }, count)
    try expectSorted([Double](repeating: 1, count: 200), count)
    try expectSorted([0.0, -0.0, 0.0, -0.0], count)
    try expectSorted([3], count)
    try expectSorted([], count)
  }

  @Test("Every row of a matrix, in both precisions")
  func rows() throws {
    let rows = (0..<9).map { scores(40, values: 12, seed: UInt64($0) + 10) }
    let matrix = Matrix(rows: 9, columns: 40, elements: rows.flatMap { $0 })
    let expected = try rows.map { try TopExamples(of: $0, count: 5) }
    #expect(try TopExamples.all(of: matrix, count: 5) == expected)
    #expect(try TopExamples.all(of: Matrix<Float>(converting: matrix), count: 5) == expected)
  }

  @Test("A score that is not finite is an error that names it", arguments: [Double.nan, .infinity])
  func finite(value: Double) throws {
    var elements = scores(20, values: 5, seed: 3)
    elements[13] = value
    let matrix = Matrix(rows: 2, columns: 10, elements: elements)
    #expect {
      try TopExamples.all(of: matrix, count: 2)
    } throws: { error in
      guard case InfluenceError.notFiniteScore(row: 1, column: 3) = error else { return false }
      return "\(error)".contains("row 1, column 3")
    }
  }
}
