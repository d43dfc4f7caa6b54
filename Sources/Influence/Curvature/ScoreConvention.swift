/// What the sign of a score means.
public enum ScoreConvention: String, CaseIterable, Sendable {
  /// Positive: having the example in training lowers the query's loss. S = V·M·Gᵀ.
  case helpful
  /// Positive: having the example in training raises the query's loss; DataInf's and Koh and
  /// Liang's sign, −S.
  case influence

  /// The factor from helpful-positive scores to this convention.
  public var sign: Double { self == .helpful ? 1 : -1 }
}

/// How several queries become one set of scores.
public enum Aggregation: String, CaseIterable, Sendable {
  /// A row of scores for each query: m × n.
  case none
  /// One row for the mean of the queries' gradients, which is the mean of their rows: 1 × n.
  case mean
}
