/// The mean of few values, such as one per seed, with Student's interval.
public enum MeanInterval {
  /// The mean and its interval from Student's t distribution.
  ///
  ///     x̄ ± t · s/√n,   s² = Σ (xᵢ − x̄)²/(n − 1),   P(|T| ≤ t) = level with n − 1 degrees of freedom
  ///
  /// Exact for independent values of a normal distribution, and the usual choice for the means of 5 to
  /// 30 seeds; for bounded or skewed values ``Bootstrap`` assumes less, but needs more of them. Values
  /// that are all equal have an interval of no width, which says nothing of other seeds.
  ///
  /// - Parameters:
  ///   - values: n ≥ 2 values.
  ///   - level: In 0 < level < 1.
  /// - Throws: `levelOutOfRange`, `tooFewValues` below 2, `notFinite`.
  /// - Complexity: O(n).
  public static func student(
    of values: [Double], level: Double = 0.95
  ) throws(EvaluationError) -> ConfidenceInterval {
    try ConfidenceInterval.requireLevel(level)
    guard values.count >= 2 else { throw .tooFewValues(count: values.count, needed: 2) }
    try Ranking.requireFinite(values, .first)
    let mean = Moments.mean(values)
    let error = Moments.deviation(values) / Double(values.count).squareRoot()
    let factor = StudentDistribution(degreesOfFreedom: Double(values.count - 1))
      .centralQuantile(level)
    return ConfidenceInterval(
      estimate: mean, lower: mean - factor * error, upper: mean + factor * error, level: level,
      count: values.count)
  }
}

/// Mean, deviations and quantiles of finite values.
enum Moments {
  /// The mean; of equal values exactly their value, whatever rounding does to their sum.
  static func mean(_ values: [Double]) -> Double {
    guard let first = values.first else { return .nan }
    return first + values.reduce(0) { $0 + ($1 - first) } / Double(values.count)
  }

  /// √(Σ (x − x̄)²/(n − 1)), or over n for the deviation of a whole population.
  static func deviation(_ values: [Double], ofPopulation: Bool = false) -> Double {
    let mean = mean(values)
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(ofPopulation ? values.count : values.count - 1)).squareRoot()
  }

  /// The quantile of sorted values, linear between neighbours: numpy's default, Hyndman and Fan's type 7.
  ///
  /// - Parameter share: In 0 ... 1.
  static func quantile(_ share: Double, ofSorted values: [Double]) -> Double {
    let place = share * Double(values.count - 1)
    let below = min(max(Int(place), 0), values.count - 1)
    let above = min(below + 1, values.count - 1)
    return values[below] + (place - Double(below)) * (values[above] - values[below])
  }
}
