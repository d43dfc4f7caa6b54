public import LinearAlgebra

/// How far methods are from each other: one number per pair of methods, the mean over queries.
public struct MethodAgreement: Sendable {
  /// Spearman's rank correlation, `methods × methods`, from −1 to 1; NaN where no query has an order in
  /// both.
  public let spearman: Matrix<Double>
  /// The share of the highest scores in common, `methods × methods`, from 0 to 1.
  public let topOverlap: Matrix<Double>
  /// The share of the examples that counts as the top.
  public let topFraction: Double

  /// Compares scores of the same queries and examples.
  ///
  /// - Parameters:
  ///   - scores: One `m × n` matrix per method; n ≥ 2.
  ///   - topFraction: The share of the examples that counts as the top, in 0 < fraction ≤ 1.
  /// - Throws: `differentShapes`, `tooFewValues`, `fractionOutOfRange`, `notFiniteScore`.
  /// - Complexity: k sorts of n scores per query, and k²n operations for k methods.
  public init(
    of scores: [Matrix<Double>], topFraction: Double = 0.1
  ) throws(EvaluationError) {
    let (count, rows) = (scores.count, scores.first?.rows ?? 0)
    let columns = scores.first?.columns ?? 0
    for other in scores where other.rows != rows || other.columns != columns {
      throw .differentShapes(
        rows: rows, columns: columns, otherRows: other.rows, otherColumns: other.columns)
    }
    guard columns >= 2 else { throw .tooFewValues(count: columns, needed: 2) }
    let top = try Ranking.topCount(fraction: topFraction, of: columns)
    var correlations = Matrix<Double>.zeros(count, count)
    var overlaps = correlations
    var defined = correlations
    for row in 0..<rows {
      // Ranks with mean 0 and norm 1, so that a correlation is a product; zero of a constant row.
      var ranks = Matrix<Double>.zeros(count, columns)
      var isTop = ranks
      for (method, matrix) in scores.enumerated() {
        let values = Array(matrix[row: row])
        if let column = values.firstIndex(where: { !$0.isFinite }) {
          throw .notFiniteScore(.first, row: row, column: column)
        }
        let order = Ranks.descendingOrder(of: values)
        let middle = Double(columns + 1) / 2
        let centred = Ranks.averages(of: values, descending: order).map { $0 - middle }
        let norm = centred.reduce(0) { $0 + $1 * $1 }.squareRoot()
        guard norm > 0 else { continue }
        ranks[row: method] = centred.map { $0 / norm }[...]
        for index in order.prefix(top) { isTop[method, index] = 1 }
        defined[method, method] += 1
      }
      let products = Matrix(product: ranks.view, ranks.transposed)
      let common = Matrix(product: isTop.view, isTop.transposed)
      for first in 0..<count {
        for second in 0..<count where common[first, first] > 0 && common[second, second] > 0 {
          correlations[first, second] += products[first, second]
          overlaps[first, second] += common[first, second] / Double(top)
          if first != second { defined[first, second] += 1 }
        }
      }
    }
    for first in 0..<count {
      for second in 0..<count {
        let share = defined[first, second]
        correlations[first, second] = share > 0 ? correlations[first, second] / share : .nan
        overlaps[first, second] = share > 0 ? overlaps[first, second] / share : .nan
      }
    }
    spearman = correlations
    topOverlap = overlaps
    self.topFraction = topFraction
  }
}
