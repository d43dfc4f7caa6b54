/// How the scores of several queries become the scores that are written.
///
/// The mean is ruled by queries with large gradients. The other ways to combine rows give every query the same say.
public enum ScoreAggregation: String, CaseIterable, Sendable {
  /// A row of scores for each query: `m × n`.
  case none
  /// One row for the mean of the queries' gradients, which is the mean of their rows: `1 × n`.
  case mean
  /// The median of each training example's m scores: `1 × n`.
  case median
  /// The mean of the rows, each divided by its length ‖s‖ first: `1 × n`, from −1 to 1.
  case normalizedMean = "normalized-mean"
  /// The mean of the rows' ranks, which go from −1 for the most harmful example to 1 for the most helpful: `1 × n`.
  case vote

  /// What a fitted curvature combines: the gradients of the queries, where their mean is asked for.
  var ofGradients: Aggregation { self == .mean ? .mean : .none }

  /// Whether rows of scores are combined after they are made.
  package var combinesRows: Bool { self != .none && self != .mean }

  /// The way that combines gradients as another does.
  init(_ aggregation: Aggregation) { self = aggregation == .mean ? .mean : .none }
}
