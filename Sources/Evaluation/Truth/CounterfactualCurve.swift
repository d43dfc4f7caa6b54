public import LinearAlgebra

/// How much a query's loss rises as its most helpful training examples are removed, against random ones.
///
/// For each k of a grid: the change of each query's loss after training without its k highest scores, and
/// the mean change over R random removals of k rows, the same for all queries. Of equal scores the lower
/// index goes first.
public struct CounterfactualCurve: Sendable, Equatable {
  /// The numbers of examples removed, ascending.
  public let counts: [Int]
  /// The change of each query's loss without its highest scores, `m × counts`.
  public let topChanges: Matrix<Double>
  /// The mean change of each query's loss over the random removals, `m × counts`.
  public let randomChanges: Matrix<Double>

  /// Measures scores by retraining.
  ///
  /// - Parameters:
  ///   - scores: `m × n`, helpful-positive.
  ///   - counts: The k to try, ascending, from 1 to n − 1.
  ///   - randomDraws: R ≥ 1.
  ///   - seed: Decides the random removals.
  ///   - losses: The m losses of the model trained on these rows, ascending; called several at a time.
  /// - Throws: `notFiniteScore` also for a loss, `nothingLeft`, `differentLengths`, or what `losses`
  ///   throws.
  /// - Complexity: 1 + (m + R)·|counts| trainings.
  public init(
    scores: Matrix<Double>, counts: [Int], randomDraws: Int = 5, seed: UInt64 = 0,
    losses: @Sendable (_ rows: [Int]) throws -> [Double]
  ) throws {
    precondition(
      counts.allSatisfy { $0 >= 1 } && zip(counts, counts.dropFirst()).allSatisfy { $0 < $1 },
      "counts \(counts) are not positive and ascending")
    precondition(randomDraws >= 1, "\(randomDraws) random draws")
    try scores.requireFinite(.first)
    let (queries, examples) = (scores.rows, scores.columns)
    if let most = counts.last, most >= examples {
      throw EvaluationError.nothingLeft(removed: most, count: examples)
    }
    @Sendable func checked(_ rows: [Int]) throws -> [Double] {
      let values = try losses(rows)
      guard values.count == queries else {
        throw EvaluationError.differentLengths(values.count, queries)
      }
      try Ranking.requireFinite(values, .second)
      return values
    }
    let before = try checked(Array(0..<examples))
    let top = try Parallelism.map(queries * counts.count) { index in
      let (query, place) = (index / counts.count, index % counts.count)
      let order = Ranks.descendingOrder(of: Array(scores[row: query]))
      return try checked(order.dropFirst(counts[place]).sorted())[query] - before[query]
    }
    let random = try Parallelism.map(randomDraws * counts.count) { index in
      let (draw, place) = (index / counts.count, index % counts.count)
      var generator = SeededGenerator(seed: seed, stream: UInt64(draw))
      // One order a draw: a larger removal holds the smaller ones, as with scores.
      let order = generator.permutation(examples)
      return try checked(order.dropFirst(counts[place]).sorted())
    }
    var means = Matrix<Double>.zeros(queries, counts.count)
    for query in 0..<queries {
      for place in counts.indices {
        means[query, place] =
          Moments.mean((0..<randomDraws).map { random[$0 * counts.count + place][query] })
          - before[query]
      }
    }
    self.counts = counts
    topChanges = Matrix(rows: queries, columns: counts.count, elements: top)
    randomChanges = means
  }

  /// The mean over queries of the change without the highest scores, one per count.
  public var meanTopChange: [Double] { Self.columnMeans(topChanges) }

  /// The mean over queries of the change at random, one per count.
  public var meanRandomChange: [Double] { Self.columnMeans(randomChanges) }

  /// The interval, over queries, of the mean difference between both, one per count.
  ///
  /// - Throws: `tooFewValues` below 2 queries, `levelOutOfRange`.
  public func differenceIntervals(
    _ bootstrap: Bootstrap = Bootstrap()
  ) throws -> [ConfidenceInterval] {
    try counts.indices.map { place in
      try bootstrap.meanInterval(
        of: (0..<topChanges.rows).map { topChanges[$0, place] - randomChanges[$0, place] })
    }
  }

  private static func columnMeans(_ matrix: Matrix<Double>) -> [Double] {
    (0..<matrix.columns).map { column in
      Moments.mean((0..<matrix.rows).map { matrix[$0, column] })
    }
  }
}
