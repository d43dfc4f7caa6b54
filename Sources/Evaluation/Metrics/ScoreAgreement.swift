public import LinearAlgebra

/// How closely two matrices of scores agree, query by query.
///
/// A row holds the scores of the n training examples for one query. Every row is measured by itself
/// and the measures are averaged, so that a query with large gradients counts no more than another.
///
/// Where a row of either matrix is constant, it has no order and no correlation: all three measures
/// are undefined for it. Such rows are left out of the means and listed in `undefinedRows`.
public struct ScoreAgreement: Equatable, Sendable {
  /// The agreement of two lists of scores of one query.
  public struct Row: Equatable, Sendable {
    /// Pearson's correlation, from −1 to 1.
    public let pearson: Double
    /// Spearman's rank correlation, from −1 to 1; ties share the mean of their ranks.
    public let spearman: Double
    /// The share of the highest scores that both lists have in common, from 0 to 1.
    public let topOverlap: Double
  }

  /// The agreement of each row; nil where it is undefined.
  public let rows: [Row?]

  /// The share of the examples that counts as the top.
  public let topFraction: Double

  /// Compares two matrices of scores, row by row.
  ///
  /// - Parameters:
  ///   - scores: m × n, a row for each query and a column for each training example; n ≥ 2.
  ///   - other: m × n, the same queries and examples.
  ///   - topFraction: The share of the examples that counts as the top, in 0 < fraction ≤ 1.
  /// - Throws: `differentShapes`; `tooFewValues` below 2 columns; `fractionOutOfRange`;
  ///   `notFiniteScore`.
  /// - Complexity: O(m n log n); memory O(n) beside the result.
  public init(
    of scores: Matrix<Double>, with other: Matrix<Double>, topFraction: Double = 0.1
  ) throws(EvaluationError) {
    guard scores.rows == other.rows, scores.columns == other.columns else {
      throw .differentShapes(
        rows: scores.rows, columns: scores.columns, otherRows: other.rows,
        otherColumns: other.columns)
    }
    guard scores.columns >= 2 else { throw .tooFewValues(count: scores.columns, needed: 2) }
    let topCount = try Ranking.topCount(fraction: topFraction, of: scores.columns)
    var rows: [Row?] = []
    rows.reserveCapacity(scores.rows)
    for row in 0..<scores.rows {
      let x = Array(scores[row: row])
      let y = Array(other[row: row])
      for (values, input) in [(x, EvaluationError.Input.first), (y, .second)] {
        if let column = values.firstIndex(where: { !$0.isFinite }) {
          throw .notFiniteScore(input, row: row, column: column)
        }
      }
      rows.append(Row(x, y, topCount: topCount))
    }
    self.rows = rows
    self.topFraction = topFraction
  }

  /// The rows, in order, that have no agreement because one side is constant there.
  public var undefinedRows: [Int] { rows.indices.filter { rows[$0] == nil } }

  /// The mean of Pearson's correlation over the defined rows; nil where there is none.
  public var meanPearson: Double? { mean(\.pearson) }

  /// The mean of Spearman's correlation over the defined rows; nil where there is none.
  public var meanSpearman: Double? { mean(\.spearman) }

  /// The mean of the top overlap over the defined rows; nil where there is none.
  public var meanTopOverlap: Double? { mean(\.topOverlap) }

  private func mean(_ measure: (Row) -> Double) -> Double? {
    let defined = rows.compactMap { $0 }
    guard !defined.isEmpty else { return nil }
    return defined.reduce(0) { $0 + measure($1) } / Double(defined.count)
  }
}

extension ScoreAgreement.Row {
  /// The agreement of two lists of finite values of one length; nil where one of them is constant.
  init?(_ x: [Double], _ y: [Double], topCount: Int) {
    guard !Correlation.isConstant(x), !Correlation.isConstant(y) else { return nil }
    let orderX = Ranks.descendingOrder(of: x)
    let orderY = Ranks.descendingOrder(of: y)
    self.init(
      pearson: Correlation.pearson(varying: x, y),
      spearman: Correlation.pearson(
        varying: Ranks.averages(of: x, descending: orderX),
        Ranks.averages(of: y, descending: orderY)),
      topOverlap: Ranking.topOverlap(orderX, orderY, count: topCount))
  }
}
