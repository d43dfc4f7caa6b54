internal import LinearAlgebra

/// Order statistics of a list of scores, with one rule for ties, so that a result never depends on
/// how a sort breaks them.
public enum Ranking {
  /// The rank of each value among all, 1 for the smallest; equal values share the mean of their ranks.
  ///
  /// rank(i) = #{j : xⱼ < xᵢ} + (#{j : xⱼ = xᵢ} + 1)/2, so the ranks sum to n(n + 1)/2. The ranks are
  /// multiples of ½ and exact.
  ///
  /// - Throws: `notFinite` for a NaN or infinite value. No values have no ranks.
  /// - Complexity: O(n log n).
  public static func averageRanks(of values: [Double]) throws(EvaluationError) -> [Double] {
    try requireFinite(values, .first)
    return Ranks.averages(of: values, descending: Ranks.descendingOrder(of: values))
  }

  /// The indices of the k largest (or smallest) values, the most extreme first.
  ///
  /// Of equal values, the one with the lower index comes first, at either end.
  ///
  /// - Parameters:
  ///   - count: How many, k in 0 ... n.
  ///   - values: n values.
  ///   - largest: Whether the largest values are meant, or the smallest.
  /// - Throws: `notFinite` for a NaN or infinite value.
  /// - Complexity: O(n log n).
  public static func topIndices(
    _ count: Int, of values: [Double], largest: Bool = true
  ) throws(EvaluationError) -> [Int] {
    precondition(
      count >= 0 && count <= values.count, "no \(count) indices among \(values.count) values")
    try requireFinite(values, .first)
    let order = largest ? Ranks.descendingOrder(of: values) : Ranks.ascendingOrder(of: values)
    return Array(order.prefix(count))
  }

  /// The share of the largest values that two lists have in common: |A ∩ B|/k, from 0 to 1.
  ///
  /// A and B are the indices of the k = ⌈fraction · n⌉ largest values of `x` and of `y`; equal values
  /// at the cut go to the lower index. Two unrelated lists share k/n on average.
  ///
  /// - Parameters:
  ///   - x: n values.
  ///   - y: n values.
  ///   - fraction: The share of the examples that counts as the top, in 0 < fraction ≤ 1.
  /// - Throws: `differentLengths`, `tooFewValues` for empty lists, `notFinite`, `fractionOutOfRange`.
  /// - Complexity: O(n log n).
  public static func topOverlap(
    _ x: [Double], _ y: [Double], fraction: Double = 0.1
  ) throws(EvaluationError) -> Double {
    try requireComparable(x, y, count: 1)
    let count = try topCount(fraction: fraction, of: x.count)
    return topOverlap(Ranks.descendingOrder(of: x), Ranks.descendingOrder(of: y), count: count)
  }

  /// How many of n examples a fraction is, rounded up: k = ⌈fraction · n⌉, from 1 to n.
  ///
  /// Found as the smallest k with k/n ≥ fraction, where k/n is rounded to a `Double` like the fraction
  /// itself. So a decimal fraction means what it says: 7 % of 100 is 7, although 0.07 · 100 rounds to
  /// 7.000000000000001.
  ///
  /// - Parameters:
  ///   - fraction: A fraction in 0 < fraction ≤ 1.
  ///   - count: The number n ≥ 1 of examples.
  /// - Throws: `fractionOutOfRange`, `tooFewValues` for n = 0.
  public static func topCount(fraction: Double, of count: Int) throws(EvaluationError) -> Int {
    guard fraction > 0, fraction <= 1 else { throw .fractionOutOfRange(fraction) }
    guard count >= 1 else { throw .tooFewValues(count: count, needed: 1) }
    var top = min(max(Int((fraction * Double(count)).rounded(.up)), 1), count)
    while top > 1, Double(top - 1) / Double(count) >= fraction { top -= 1 }
    while Double(top) / Double(count) < fraction { top += 1 }
    return top
  }
}

// MARK: - On sorted orders, for values known to be finite

extension Ranking {
  /// |A ∩ B|/k for the first k indices of two orders of the same examples.
  static func topOverlap(_ first: [Int], _ second: [Int], count: Int) -> Double {
    var isInFirst = [Bool](repeating: false, count: first.count)
    for index in first.prefix(count) { isInFirst[index] = true }
    let common = second.prefix(count).count { isInFirst[$0] }
    return Double(common) / Double(count)
  }

  static func requireFinite(
    _ values: [Double], _ input: EvaluationError.Input
  ) throws(EvaluationError) {
    guard let index = values.firstIndex(where: { !$0.isFinite }) else { return }
    throw .notFinite(input, index: index)
  }

  /// Checks that two lists have the same length, enough values and only finite ones.
  static func requireComparable(
    _ x: [Double], _ y: [Double], count needed: Int
  ) throws(EvaluationError) {
    guard x.count == y.count else { throw .differentLengths(x.count, y.count) }
    guard x.count >= needed else { throw .tooFewValues(count: x.count, needed: needed) }
    try requireFinite(x, .first)
    try requireFinite(y, .second)
  }
}
