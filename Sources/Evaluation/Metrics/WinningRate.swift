public import LinearAlgebra

/// Which of several methods does best over many tasks: each method's share of all points of a vote.
///
/// In each task a method gets a point for every method that it beats, and half a point for every one that
/// it ties with (Borda's count); the points are added up with the tasks' weights and divided by their total,
/// so that the shares of all methods add up to 1, and a method like all others has 1/M. The measure of
/// "Most Influential Subset Selection" (arXiv 2409.18153).
public struct WinningRate: Sendable, Equatable {
  /// One share a method, from 0 to 2/M.
  public let shares: [Double]

  /// Counts the points.
  ///
  /// - Parameters:
  ///   - results: `tasks × M`, higher is better; M ≥ 2, at least one task.
  ///   - weights: The tasks' weights, not negative, not all 0; equal unless given.
  /// - Throws: `notFiniteScore`, `tooFewValues`, `differentLengths`, `badWeight`, `noWeight`.
  /// - Complexity: O(tasks · M log M).
  public init(results: Matrix<Double>, weights: [Double]? = nil) throws(EvaluationError) {
    guard results.rows >= 1 else { throw .tooFewValues(count: 0, needed: 1) }
    guard results.columns >= 2 else { throw .tooFewValues(count: results.columns, needed: 2) }
    try results.requireFinite(.first)
    let weights = weights ?? [Double](repeating: 1, count: results.rows)
    guard weights.count == results.rows else {
      throw .differentLengths(weights.count, results.rows)
    }
    if let index = weights.firstIndex(where: { !($0 >= 0) || !$0.isFinite }) {
      throw .badWeight(index: index, value: weights[index])
    }
    let total = weights.reduce(0, +)
    guard total > 0 else { throw .noWeight }
    var points = [Double](repeating: 0, count: results.columns)
    for task in 0..<results.rows {
      // Rank 1 beats nobody; equal methods share their ranks, and so their points.
      let ranks = try Ranking.averageRanks(of: Array(results[row: task]))
      for method in points.indices { points[method] += weights[task] * (ranks[method] - 1) }
    }
    let most = Double(results.columns * (results.columns - 1)) / 2
    shares = points.map { $0 / (total * most) }
  }
}
