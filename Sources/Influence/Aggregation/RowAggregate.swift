package import LinearAlgebra

/// Rows of scores on their way to one row.
///
/// The median keeps all rows; the other ways keep one sum.
package struct RowAggregate {
  private let aggregation: ScoreAggregation
  private let columns: Int
  private var sum: [Double]
  private var kept: [[Double]] = []
  private var count = 0
  /// The rows that say nothing, since all their scores are equal.
  private var constantRows: [Int] = []

  /// Starts without a row.
  ///
  /// - Parameters:
  ///   - aggregation: A way that gives one row.
  ///   - columns: n.
  package init(_ aggregation: ScoreAggregation, columns: Int) {
    precondition(aggregation != .none, "rows stay as they are")
    self.aggregation = aggregation
    self.columns = columns
    sum = [Double](repeating: 0, count: aggregation == .median ? 0 : columns)
  }

  /// The row that stands for all rows of a matrix, `1 × n`.
  ///
  /// - Parameters:
  ///   - values: `m × n`, m ≥ 1.
  ///   - aggregation: A way that gives one row.
  /// - Throws: ``InfluenceError/notFiniteScore(row:column:)``.
  package static func row(
    of values: Matrix<Double>, by aggregation: ScoreAggregation
  ) throws(InfluenceError) -> Matrix<Double> {
    guard aggregation != .mean else { return values.meanRow() }
    var aggregate = RowAggregate(aggregation, columns: values.columns)
    try aggregate.add(values)
    return aggregate.row()
  }

  /// How many bytes the rows of m queries take until they are one.
  package static func bytes(
    _ aggregation: ScoreAggregation, queries: Int, examples: Int
  ) -> Int {
    let rows = aggregation == .median ? queries : 1
    let (bytes, overflows) = rows.multipliedReportingOverflow(by: examples)
    return overflows ? .max : bytes.multipliedReportingOverflow(by: 8).partialValue
  }

  /// Adds rows.
  ///
  /// - Parameter rows: Helpful-positive scores of further queries.
  /// - Throws: ``InfluenceError/notFiniteScore(row:column:)``.
  /// - Complexity: O(n) for each row; O(n log n) for a vote.
  package mutating func add(_ rows: Matrix<Double>) throws(InfluenceError) {
    precondition(rows.columns == columns, "\(rows.columns) scores of \(columns) examples")
    for index in 0..<rows.rows {
      let row = Array(rows[row: index])
      if let column = row.firstIndex(where: { !$0.isFinite }) {
        throw .notFiniteScore(row: count, column: column)
      }
      if row.allSatisfy({ $0 == row.first }) { constantRows.append(count) }
      count += 1
      add(row)
    }
  }

  private mutating func add(_ row: [Double]) {
    switch aggregation {
    case .none, .mean: add(row, scale: 1)
    case .median: kept.append(row)
    case .normalizedMean:
      // Divided by the largest number first, so that no square is infinite or lost.
      let largest = row.reduce(0) { max($0, abs($1)) }
      guard largest > 0 else { return }
      let scaled = row.map { $0 / largest }
      add(scaled, scale: 1 / scaled.reduce(0) { $0 + $1 * $1 }.squareRoot())
    case .vote: add(Self.ranks(of: row), scale: 1)
    }
  }

  /// The ranks of a row's scores, from −1 for the smallest to 1 for the largest; equal ones share the mean of theirs.
  static func ranks(of row: [Double]) -> [Double] {
    guard row.count > 1 else { return row.map { _ in 0 } }
    let ranks = Ranks.averages(of: row, descending: Ranks.descendingOrder(of: row))
    let middle = Double(row.count + 1) / 2
    return ranks.map { ($0 - middle) * (2 / Double(row.count - 1)) }
  }

  private mutating func add(_ row: [Double], scale: Double) {
    for index in row.indices { sum[index] += scale * row[index] }
  }

  /// The one row.
  package func row() -> Matrix<Double> {
    precondition(count > 0, "no rows")
    let values =
      aggregation == .median
      ? (0..<columns).map { column in Statistics.median(kept.lazy.map { $0[column] }) ?? 0 }
      : sum.map { $0 / Double(count) }
    return Matrix(rows: 1, columns: columns, elements: values)
  }

  /// What the user should know: queries that had no say.
  package var warning: String? {
    guard !constantRows.isEmpty, columns > 1, aggregation != .mean else { return nil }
    let shown = constantRows.prefix(10).map(String.init).joined(separator: ", ")
    let names = "\(shown)\(constantRows.count > 10 ? ", …" : "")"
    return constantRows.count == 1
      ? "all scores of query \(names) are equal, so that it has no say among the \(count)"
      : "all scores of \(constantRows.count) queries are equal, so that they have no say among the \(count) (queries \(names))"
  }
}
