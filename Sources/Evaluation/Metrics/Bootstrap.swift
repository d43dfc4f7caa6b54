public import LinearAlgebra

/// Confidence intervals by resampling: how much a statistic would move with other queries, or other seeds.
///
/// Draws B samples of the same size with replacement and takes the statistic of each (Efron and
/// Tibshirani, "An Introduction to the Bootstrap", 1993). The same seed gives the same interval.
/// Intervals from fewer than about 20 values are too narrow; ``MeanInterval`` is better there.
public struct Bootstrap: Sendable, Hashable {
  /// How an interval is read off the resampled statistics.
  public enum Method: String, Sendable, Hashable, CaseIterable {
    /// The quantiles (1 ± level)/2 of the statistics.
    case percentile
    /// The quantiles moved for bias and skewness (BCa; Efron 1987), which takes n more statistics.
    case biasCorrected
  }

  /// The number B of resamples, at least 1.
  public var resamples: Int
  /// The confidence level, in 0 < level < 1.
  public var level: Double
  /// How the interval follows from the resampled statistics.
  public var method: Method
  /// The seed of the draws.
  public var seed: UInt64

  /// Makes settings.
  public init(
    resamples: Int = 2000, level: Double = 0.95, method: Method = .percentile, seed: UInt64 = 0
  ) {
    self.resamples = resamples
    self.level = level
    self.method = method
    self.seed = seed
  }

  /// The interval of the mean.
  ///
  /// - Throws: As ``interval(of:statistic:)``.
  public func meanInterval(of sample: [Double]) throws -> ConfidenceInterval {
    try interval(of: sample) { Moments.mean($0) }
  }

  /// The interval of any statistic of independent values.
  ///
  /// - Parameters:
  ///   - sample: n ≥ 2 values.
  ///   - statistic: A number from n values, or n − 1, in any order.
  /// - Throws: `levelOutOfRange`, `tooFewValues`, `notFinite`, `statisticNotFinite`, or what the
  ///   statistic throws.
  /// - Complexity: B statistics and O(Bn).
  public func interval(
    of sample: [Double], statistic: ([Double]) throws -> Double
  ) throws -> ConfidenceInterval {
    try Ranking.requireFinite(sample, .first)
    return try interval(resampling: sample.count) { rows in
      try statistic(rows.map { sample[$0] })
    }
  }

  /// The interval of a statistic of numbered things, such as queries.
  ///
  /// - Parameters:
  ///   - count: n ≥ 2.
  ///   - statistic: A number from a list of indices in 0 ..< n, which may come more than once.
  /// - Throws: `levelOutOfRange`, `tooFewValues`, `statisticNotFinite`, or what the statistic throws.
  /// - Complexity: B statistics, and n more for ``Method/biasCorrected``.
  public func interval(
    resampling count: Int, statistic: ([Int]) throws -> Double
  ) throws -> ConfidenceInterval {
    let all = Array(0..<count)
    var generator = SeededGenerator(seed: seed)
    func statisticWithout(_ row: Int) throws -> Double {
      try Self.finite(statistic(all.filter { $0 != row }), nil)
    }
    return try interval(
      count: count, estimate: { try statistic(all) },
      draw: { try statistic(all.map { _ in generator.index(below: count) }) },
      leavingOneOut: { method == .biasCorrected ? try all.map(statisticWithout) : nil })
  }

  /// The interval of a statistic that is drawn B times.
  ///
  /// - Parameter leavingOneOut: The statistics without one value each, where the method corrects by them.
  private func interval(
    count: Int, estimate: () throws -> Double, draw: () throws -> Double,
    leavingOneOut: () throws -> [Double]?
  ) throws -> ConfidenceInterval {
    precondition(resamples >= 1, "\(resamples) resamples")
    try ConfidenceInterval.requireLevel(level)
    guard count >= 2 else { throw EvaluationError.tooFewValues(count: count, needed: 2) }
    let estimate = try Self.finite(estimate(), nil)
    var draws: [Double] = []
    draws.reserveCapacity(resamples)
    for resample in 0..<resamples { draws.append(try Self.finite(draw(), resample)) }
    draws.sort()
    var shares = ((1 - level) / 2, (1 + level) / 2)
    if let left = try leavingOneOut() {
      shares = Self.correctedShares(shares, estimate, draws, leavingOneOut: left)
    }
    return ConfidenceInterval(
      estimate: estimate, lower: Moments.quantile(shares.0, ofSorted: draws),
      upper: Moments.quantile(shares.1, ofSorted: draws), level: level, count: count)
  }

  private static func finite(_ value: Double, _ resample: Int?) throws -> Double {
    guard value.isFinite else { throw EvaluationError.statisticNotFinite(resample: resample) }
    return value
  }

  /// Which of a table's two directions is resampled.
  public enum Direction: String, Sendable, Hashable, CaseIterable {
    /// Other queries might have been asked.
    case queries
    /// Other seeds might have been drawn.
    case seeds
    /// Both, independently of each other.
    case queriesAndSeeds
  }

  /// The interval of the mean of a table of numbers by query and seed.
  ///
  /// - Parameters:
  ///   - table: `queries × seeds`, all finite; at least 2 of what is resampled.
  ///   - direction: What might have been different; the interval of both is always by percentiles.
  /// - Throws: `levelOutOfRange`, `tooFewValues`, `notFiniteScore`.
  /// - Complexity: O(B · queries · seeds) for both, O(B · queries) or O(B · seeds) for one.
  public func meanInterval(
    ofTable table: Matrix<Double>, over direction: Direction
  ) throws -> ConfidenceInterval {
    if let index = table.elements.firstIndex(where: { !$0.isFinite }) {
      throw EvaluationError.notFiniteScore(
        .first, row: index / table.columns, column: index % table.columns)
    }
    let (rows, columns) = (table.rows, table.columns)
    guard min(rows, columns) >= 1 else {
      throw EvaluationError.tooFewValues(count: 0, needed: 1)
    }
    switch direction {
    case .queries:
      return try meanInterval(of: (0..<rows).map { Moments.mean(Array(table[row: $0])) })
    case .seeds:
      return try meanInterval(
        of: (0..<columns).map { column in Moments.mean((0..<rows).map { table[$0, column] }) })
    case .queriesAndSeeds:
      guard min(rows, columns) >= 2 else {
        throw EvaluationError.tooFewValues(count: min(rows, columns), needed: 2)
      }
      // Seeds of their own stream; BCa's correction is not defined for two directions at once.
      var generator = SeededGenerator(seed: seed, stream: 1)
      func mean(_ queries: [Int], _ seeds: [Int]) -> Double {
        Moments.mean(queries.map { row in Moments.mean(seeds.map { table[row, $0] }) })
      }
      return try interval(
        count: rows, estimate: { mean(Array(0..<rows), Array(0..<columns)) },
        draw: {
          let queries = (0..<rows).map { _ in generator.index(below: rows) }
          return mean(queries, (0..<columns).map { _ in generator.index(below: columns) })
        }, leavingOneOut: { nil })
    }
  }

  /// BCa's shares: Φ(z₀ + (z₀ + z)/(1 − a(z₀ + z))) for the normal quantile z of each share.
  ///
  /// z₀ is the normal quantile of the share of resampled statistics below the estimate, ties half; where
  /// that is 0 or 1 it is taken as half a resample from there. a = Σ d³/(6 (Σ d²)^{3/2}) with d the mean
  /// of the statistics without one value less each of them; 0 where they are all equal.
  private static func correctedShares(
    _ shares: (Double, Double), _ estimate: Double, _ draws: [Double],
    leavingOneOut left: [Double]
  ) -> (Double, Double) {
    let below = Double(draws.count { $0 < estimate }) + Double(draws.count { $0 == estimate }) / 2
    let edge = 0.5 / Double(draws.count)
    let bias = NormalDistribution.quantile(
      min(max(below / Double(draws.count), edge), 1 - edge))
    let mean = Moments.mean(left)
    let squares = left.reduce(0) { $0 + (mean - $1) * (mean - $1) }
    let cubes = left.reduce(0) { $0 + (mean - $1) * (mean - $1) * (mean - $1) }
    let skew = squares > 0 ? cubes / (6 * squares * squares.squareRoot()) : 0
    func corrected(_ share: Double) -> Double {
      let moved = bias + NormalDistribution.quantile(share)
      return NormalDistribution.cumulative(bias + moved / (1 - skew * moved))
    }
    return (corrected(shares.0), corrected(shares.1))
  }
}
