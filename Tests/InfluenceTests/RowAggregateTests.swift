import Foundation
import InfluenceKit
import TensorFiles
import TestSupport
import Testing

/// Rows of scores that become one row.
@Suite("Queries combined")
struct RowAggregateTests {
  static let ways = ScoreAggregation.allCases.filter { $0 != .none }

  private func random(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix<Double> {
    var generator = SeededGenerator(seed: seed)
    return Matrix(
      rows: rows, columns: columns, elements: (0..<rows * columns).map { _ in generator.normal() })
  }

  /// Each way as its definition says, with no code in common.
  private func reference(_ values: Matrix<Double>, _ way: ScoreAggregation) -> [Double] {
    let rows = (0..<values.rows).map { Array(values[row: $0]) }
    return (0..<values.columns).map { column in
      switch way {
      case .none: return .nan
      case .mean: return rows.map { $0[column] }.reduce(0, +) / Double(rows.count)
      case .median:
        let sorted = rows.map { $0[column] }.sorted()
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
      case .normalizedMean:
        return rows.map { row in
          let length = row.map { $0 * $0 }.reduce(0, +).squareRoot()
          return length > 0 ? row[column] / length : 0
        }.reduce(0, +) / Double(rows.count)
      case .vote:
        // Of the other examples: how many more lie below than above.
        return rows.map { row in
          let below = row.count { $0 < row[column] }
          let above = row.count { $0 > row[column] }
          return Double(below - above) / Double(row.count - 1)
        }.reduce(0, +) / Double(rows.count)
      }
    }
  }

  @Test("Each way is what its definition says", arguments: ways, [1, 2, 7, 8])
  func definitions(way: ScoreAggregation, queries: Int) throws {
    var values = random(queries, 31, seed: UInt64(queries))
    // Ties, and a query with large gradients.
    values[0, 3] = values[0, 5]
    for column in 0..<31 { values[queries - 1, column] *= 1e6 }
    let found = try RowAggregate.row(of: values, by: way)
    let expected = reference(values, way)
    #expect(found.rows == 1 && found.columns == 31)
    for (column, value) in expected.enumerated() {
      #expect(abs(found[0, column] - value) <= 1e-14 * Swift.max(1, abs(value)) * 31)
    }
  }

  @Test("A query counts alike at any size, but for the mean", arguments: ways)
  func scale(way: ScoreAggregation) throws {
    let values = random(5, 40, seed: 3)
    var scaled = values
    for column in 0..<40 { scaled[2, column] *= 0x1p300 }
    let (before, after) = (
      try RowAggregate.row(of: values, by: way), try RowAggregate.row(of: scaled, by: way)
    )
    if way == .normalizedMean || way == .vote {
      #expect(before == after)
    } else {
      #expect(before != after)
    }
  }

  @Test("Parts of the rows give the same bits as all at once", arguments: ways)
  func parts(way: ScoreAggregation) throws {
    let values = random(9, 17, seed: 4)
    var parts = RowAggregate(way, columns: 17)
    for range in [0..<1, 1..<5, 5..<9] { try parts.add(Matrix(values.view[rows: range])) }
    var whole = RowAggregate(way, columns: 17)
    try whole.add(values)
    #expect(parts.row() == whole.row())
  }

  @Test("Queries without an order have no say and are named")
  func constantRows() throws {
    var values = random(3, 6, seed: 5)
    for column in 0..<6 { values[1, column] = 0 }
    for way in [ScoreAggregation.normalizedMean, .vote] {
      var aggregate = RowAggregate(way, columns: 6)
      try aggregate.add(values)
      #expect(aggregate.warning?.contains("query 1") == true)
      let others = try RowAggregate.row(
        of: Matrix(rows: 2, columns: 6, elements: Array(values[row: 0]) + values[row: 2]), by: way)
      for column in 0..<6 {
        #expect(abs(aggregate.row()[0, column] - others[0, column] * 2 / 3) < 1e-15)
      }
    }
  }

  @Test("A score that is not finite is named")
  func notFinite() {
    var values = random(2, 4, seed: 6)
    values[1, 2] = .nan
    #expect {
      try RowAggregate.row(of: values, by: .vote)
    } throws: { error in
      "\(error)".contains("row 1, column 2")
    }
  }

  @Test("Scores are combined as they are written, in batches too", arguments: ways)
  func written(way: ScoreAggregation) throws {
    let folder = try TemporaryDirectory(inMemory: ())
    let problem = Problem.standard
    let curvature = try Curvature(
      fitting: [DataInf()], on: problem.training(.double),
      options: CurvatureOptions(precision: .double))
    let queries = problem.queries(.double)
    let each = try curvature.scores(of: queries)[0].values
    let expected = try RowAggregate.row(of: each, by: way)
    let summary = try curvature.score(
      queries, into: .array(at: folder.file("s.npy")), aggregation: way, convention: .influence)
    let written = try NumpyFile(opening: folder.file("s.npy")).matrix(as: Double.self)
    #expect(written.rows == 1 && written.columns == each.columns)
    for column in 0..<each.columns {
      #expect(abs(written[0, column] + expected[0, column]) <= 0x1p-22 * summary.largest)
    }
    let record = try OrderedJSON(contentsOf: folder.file("s.npy.json"))
    #expect(record["aggregate"]?.string == way.rawValue)
    #expect(record["rows"]?.integer == 1)
    // What is written is bounded only where it is a score of a query.
    #expect(summary.bounds.isEmpty == way.combinesRows)
    guard way == .vote || way == .normalizedMean else { return }
    let few = try Curvature(
      fitting: [DataInf()], on: problem.training(.double),
      options: CurvatureOptions(precision: .double, memoryBudget: 8 * each.columns))
    try few.score(queries, into: .array(at: folder.file("f.npy")), aggregation: way)
    let other = try NumpyFile(opening: folder.file("f.npy")).matrix(as: Double.self)
    for column in 0..<each.columns { #expect(other[0, column] == -written[0, column]) }
  }

  @Test("A median that does not fit is refused with what does")
  func median() throws {
    let folder = try TemporaryDirectory(inMemory: ())
    let problem = Problem.standard
    let curvature = try Curvature(
      fitting: [DataInf()], on: problem.training(.double),
      options: CurvatureOptions(memoryBudget: 1))
    #expect {
      try curvature.score(
        problem.queries(.double), into: .array(at: folder.file("s.npy")), aggregation: .median)
    } throws: { error in
      "\(error)".contains("normalized-mean, vote or mean")
    }
    #expect(!FileManager.default.fileExists(atPath: folder.file("s.npy").path))
  }
}
