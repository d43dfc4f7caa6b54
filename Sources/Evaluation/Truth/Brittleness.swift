public import LinearAlgebra

/// How few of the most helpful training examples must go for a correct prediction to turn wrong.
///
/// For each query that the model of all examples gets right: the smallest k of a grid such that the model
/// trained without the query's k highest scores gets it wrong. Better scores find smaller k. Of equal scores
/// the lower index goes first. Ilyas et al., "Datamodels" (2022), section 4.
public struct Brittleness: Sendable, Equatable {
  /// The numbers of examples removed, ascending.
  public let counts: [Int]
  /// The queries that were right before anything was removed, ascending; only they are measured.
  public let queries: [Int]
  /// The smallest k that turned each of these queries wrong; nil where none of the grid did.
  public let smallest: [Int?]

  /// Measures scores by retraining.
  ///
  /// - Parameters:
  ///   - scores: `m × n`, helpful-positive.
  ///   - counts: The k to try, ascending, from 1 to n − 1.
  ///   - isCorrect: Whether the model trained on these rows, ascending, is right about each of the m
  ///     queries; called once with all rows, then several at a time.
  /// - Throws: `notFiniteScore`, `nothingLeft`, `differentLengths`, or what `isCorrect` throws.
  /// - Complexity: One training, and up to |counts| more per query.
  public init(
    scores: Matrix<Double>, counts: [Int],
    isCorrect: @Sendable (_ rows: [Int]) throws -> [Bool]
  ) throws {
    precondition(
      counts.allSatisfy { $0 >= 1 } && zip(counts, counts.dropFirst()).allSatisfy { $0 < $1 },
      "counts \(counts) are not positive and ascending")
    try scores.requireFinite(.first)
    if let most = counts.last, most >= scores.columns {
      throw EvaluationError.nothingLeft(removed: most, count: scores.columns)
    }
    @Sendable func checked(_ rows: [Int]) throws -> [Bool] {
      let values = try isCorrect(rows)
      guard values.count == scores.rows else {
        throw EvaluationError.differentLengths(values.count, scores.rows)
      }
      return values
    }
    let right = try checked(Array(0..<scores.columns))
    let asked = right.indices.filter { right[$0] }
    smallest = try Parallelism.map(asked.count) { place in
      let order = Ranks.descendingOrder(of: Array(scores[row: asked[place]]))
      return try counts.first { try !checked(order.dropFirst($0).sorted())[asked[place]] }
    }
    queries = asked
    self.counts = counts
  }

  /// The share of the queries whose smallest k is at most each of ``counts``; nil without queries.
  public var fractionFlipped: [Double]? {
    guard !smallest.isEmpty else { return nil }
    return counts.map { count in
      Double(smallest.count { $0.map { $0 <= count } ?? false }) / Double(smallest.count)
    }
  }

  /// The median of the smallest k, the lower of the two in the middle; nil where that query never turned
  /// wrong, or there is none.
  public var median: Int? {
    let sorted = smallest.map { $0 ?? .max }.sorted()
    guard !sorted.isEmpty, sorted[(sorted.count - 1) / 2] < .max else { return nil }
    return sorted[(sorted.count - 1) / 2]
  }
}
