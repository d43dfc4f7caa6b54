public import Influence
import LinearAlgebra
internal import RealModule

/// Training examples in the order in which their labels are to be looked at.
///
/// Several rankings are made, and examples are ordered by the geometric mean of their places in them (the rank product
/// of Breitling et al., "Rank products", 2004): an example that stands first in some rankings comes before one in the
/// middle of all, and a ranking that fails on some data cannot push it far down, as it could in a plain mean.
public struct Suspects: Sendable {
  /// What is asked for.
  public struct Settings: Sendable {
    /// The rankings; nil for all that can be had.
    public var rankings: [SuspectRanking]?
    /// How the scores of several queries become one.
    public var aggregation = ScoreAggregation.normalizedMean
    /// How many neighbours are asked for their labels.
    public var neighbours = 20
    /// Damping, precision and memory of the methods.
    public var options = CurvatureOptions()
    /// Decides the splits of the isolation forest.
    public var seed: UInt64 = 0
    /// The loss of each example, n finite numbers; nil for those that the store keeps.
    public var losses: [Double]?

    /// All rankings that can be had.
    public init() {}
  }

  /// A ranking of the examples.
  public struct Ranked: Sendable {
    /// Which ranking.
    public let ranking: SuspectRanking
    /// n numbers, large for suspects.
    public let values: [Double]
    /// The place of each example, 1 for the largest value; equal values share the mean of their places.
    public let places: [Double]
    /// The rows, the largest value first; of equal values the lower row.
    let order: [Int]
  }

  /// A ranking that could not be made.
  public struct LeftOut: Sendable {
    /// Which ranking.
    public let ranking: SuspectRanking
    /// What is missing, and how to get it.
    public let reason: String
  }

  /// The rankings, in the order of `SuspectRanking.allCases`; at least one.
  public let rankings: [Ranked]
  /// The rankings that were not asked for by name and could not be made.
  public let leftOut: [LeftOut]
  /// The geometric mean of each example's places, n numbers from 1.
  public let meanPlaces: [Double]
  /// The rows of all examples, the most suspicious first: by the mean of their places, then by row.
  public let order: [Int]
  /// The labels of neighbours; nil where there are no representations with labels.
  public let neighbours: NeighbourLabels?
  /// What the user should know.
  public let warnings: [String]

  /// The number of training examples n.
  public var count: Int { order.count }

  /// Combines rankings.
  ///
  /// - Parameters:
  ///   - values: One list of n ≥ 2 numbers per ranking, large for suspects; at least one list.
  ///   - leftOut: What could not be made.
  ///   - neighbours: The labels of neighbours.
  ///   - warnings: What the user should know.
  /// - Throws: ``EvaluationError`` for a number that is not finite, or for lists of different lengths.
  package init(
    of values: [(ranking: SuspectRanking, values: [Double])], leftOut: [LeftOut] = [],
    neighbours: NeighbourLabels? = nil, warnings: [String] = []
  ) throws(EvaluationError) {
    precondition(!values.isEmpty, "no ranking")
    let count = values[0].values.count
    var rankings: [Ranked] = []
    for (ranking, values) in values {
      guard values.count == count else { throw .differentLengths(count, values.count) }
      try Ranking.requireFinite(values, .first)
      let order = Ranks.descendingOrder(of: values)
      // From the largest: place 1 is the n-th rank.
      let places = Ranks.averages(of: values, descending: order).map { Double(count + 1) - $0 }
      rankings.append(Ranked(ranking: ranking, values: values, places: places, order: order))
    }
    let places = rankings.map(\.places)
    let means = (0..<count).map { row in
      Double.exp(Statistics.mean(places.map { Double.log($0[row]) }))
    }
    self.rankings = rankings
    self.leftOut = leftOut
    self.neighbours = neighbours
    self.warnings = warnings
    meanPlaces = means
    order = (0..<count).sorted { (means[$0], $0) < (means[$1], $1) }
  }

  /// In how many rankings each example is among the first h; of equal values in a ranking the lower row comes first.
  ///
  /// - Parameter first: h.
  /// - Returns: n counts, from 0 to that of the rankings.
  public func highCounts(amongFirst first: Int) -> [Int] {
    var counts = [Int](repeating: 0, count: count)
    for ranked in rankings { for row in ranked.order.prefix(first) { counts[row] += 1 } }
    return counts
  }

  /// How many of the first h suspects are among the first h of at least three quarters of the rankings.
  ///
  /// - Parameter first: h.
  public func agreement(amongFirst first: Int) -> Int {
    let counts = highCounts(amongFirst: first)
    return order.prefix(first).count { 4 * counts[$0] >= 3 * rankings.count }
  }

  /// How well each ranking, and all together, find examples whose labels are known to be wrong.
  ///
  /// - Parameter flipped: Their rows.
  /// - Throws: ``EvaluationError``.
  public func detection(
    of flipped: Set<Int>
  ) throws(EvaluationError) -> (
    rankings: [MethodComparison.MislabelDetection], together: MethodComparison.MislabelDetection
  ) {
    var each: [MethodComparison.MislabelDetection] = []
    for ranked in rankings {
      each.append(try .init(suspicion: ranked.values, flipped: flipped))
    }
    return (each, try .init(suspicion: meanPlaces.map { -$0 }, flipped: flipped))
  }
}
