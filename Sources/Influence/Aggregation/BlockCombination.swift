package import LinearAlgebra

/// How the scores of blocks become the score of the model.
///
/// A sum is ruled by blocks with large gradients. The other ways give every block the same say.
public enum BlockCombination: String, Sendable, CaseIterable {
  /// Σ of the blocks' scores: that of the model, since its parameters move together.
  case sum
  /// The mean of ranks: in each block −1 for a query's most harmful example to 1 for the most helpful.
  case rank
  /// The mean of votes: in each block 1 for a query's most helpful tenth of the examples, −1 for the most harmful tenth, 0
  /// for the others.
  case vote

  /// What the scores of one block count for, before blocks are added.
  ///
  /// Equal scores have equal ranks, the mean of their places; a vote goes to ranks beyond ±0.8, so that scores that are
  /// all equal get none.
  ///
  /// - Parameter scores: `m × n`, helpful-positive.
  /// - Returns: `m × n`.
  /// - Complexity: O(n log n) a query but for sums.
  package func counted(_ scores: Matrix<Double>) -> Matrix<Double> {
    guard self != .sum else { return scores }
    var result = scores
    for query in 0..<scores.rows {
      let ranks = RowAggregate.ranks(of: Array(scores[row: query]))
      result[row: query] =
        self == .rank
        ? ranks[...]
        : ranks.map { $0 >= 0.8 ? 1 : $0 <= -0.8 ? -1 : 0 }[...]
    }
    return result
  }
}
