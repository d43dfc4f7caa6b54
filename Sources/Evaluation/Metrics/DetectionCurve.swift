/// The positives found after looking at the 0, 1, …, n examples with the highest scores.
///
/// Of equal scores, the example with the lower index is looked at first.
public struct DetectionCurve: Equatable, Sendable {
  /// The positives found: `found[k]` are among the k highest scores, k from 0 to n.
  public let found: [Int]

  /// The number n ≥ 1 of examples.
  public var count: Int { found.count - 1 }

  /// The number of positive examples, at least 1.
  public var positiveCount: Int { found[count] }

  /// The share of all positives that are among the `inspected` highest scores, from 0 to 1.
  ///
  /// - Parameter inspected: How many examples are looked at, in 0 ... n.
  public func recall(inspected: Int) -> Double {
    precondition(
      inspected >= 0 && inspected <= count, "no \(inspected) among \(count) examples")
    return Double(found[inspected]) / Double(positiveCount)
  }

  /// The share of all positives that are among the ⌈fraction · n⌉ highest scores, from 0 to 1.
  ///
  /// - Parameter fraction: The share of the examples that is looked at, in 0 < fraction ≤ 1.
  /// - Throws: `fractionOutOfRange`.
  public func recall(atFraction fraction: Double) throws(EvaluationError) -> Double {
    recall(inspected: try Ranking.topCount(fraction: fraction, of: count))
  }

  /// The area under recall as a function of the share of examples looked at, by trapezoids.
  ///
  /// With p positives of n it lies in p/(2n) ... 1 − p/(2n); ½ is chance. Where no scores are equal,
  /// area = ½ + (1 − p/n)(AUC − ½), with AUC the area under the ROC curve.
  public var area: Double {
    let inner = found.dropFirst().dropLast().reduce(0, +)
    return (Double(inner) + Double(positiveCount) / 2) / (Double(positiveCount) * Double(count))
  }
}
