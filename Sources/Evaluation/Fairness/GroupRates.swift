/// A rate of each of several groups of people, and the gaps between them.
public struct GroupRates: Sendable, Equatable {
  /// One rate per group, from 0 to 1; there are at least two groups.
  public let rates: [Double]

  /// The rate of one group less that of another, from −1 to 1.
  ///
  /// - Parameters:
  ///   - group: The first group, in 0 ..< groups; 1 unless given.
  ///   - other: The second group, in 0 ..< groups; 0 unless given.
  public func gap(of group: Int = 1, over other: Int = 0) -> Double { rates[group] - rates[other] }

  /// The mean over all pairs of groups of the gap's magnitude, from 0 to 1; for two groups |gap|.
  public var meanAbsoluteGap: Double {
    var gaps: [Double] = []
    for group in rates.indices {
      for other in 0..<group { gaps.append((rates[group] - rates[other]).magnitude) }
    }
    return Moments.mean(gaps)
  }
}
