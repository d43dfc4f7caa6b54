internal import LinearAlgebra

/// How well scores single out a known set of examples: mislabelled ones, or those of a query's class.
///
/// A *high* score marks an example as positive. To find mislabelled examples from helpful-positive
/// scores, negate them first; self-influence is used as it is.
public enum Detection {
  /// The area under the ROC curve: the chance that a positive example scores above a negative one.
  ///
  ///     AUC = P(s₊ > s₋) + ½ P(s₊ = s₋) = (R₊ − p(p + 1)/2)/(p · q),   0 ≤ AUC ≤ 1
  ///
  /// R₊ is the sum of the average ranks of the p positives among all p + q scores (Mann and Whitney's
  /// U), so ties count half. ½ is chance. Unchanged by any strictly increasing function of the scores;
  /// The identity AUC(−s) = 1 − AUC(s) holds.
  ///
  /// - Parameters:
  ///   - scores: One score for each of n examples.
  ///   - positives: The indices of the positive examples.
  /// - Throws: `notFinite`, `indexOutOfRange`, `noPositives`, `noNegatives`.
  /// - Complexity: O(n log n).
  public static func areaUnderROC(
    scores: [Double], positives: Set<Int>
  ) throws(EvaluationError) -> Double {
    try require(positives, among: scores)
    let positiveCount = positives.count
    let negativeCount = scores.count - positiveCount
    guard negativeCount > 0 else { throw .noNegatives(count: scores.count) }
    let ranks = try Ranking.averageRanks(of: scores)
    // Multiples of one half below 2⁵²: the sum is exact in any order for every n below 6 · 10⁷.
    let rankSum = positives.reduce(0) { $0 + ranks[$1] }
    let wins = rankSum - Double(positiveCount) * Double(positiveCount + 1) / 2
    return wins / (Double(positiveCount) * Double(negativeCount))
  }

  /// The share of all positives among the k = ⌈fraction · n⌉ examples with the highest scores.
  ///
  /// In 0 ... 1, and at most k over the number of positives. Equal scores at the cut go to the lower
  /// index. `Ranking.topCount(fraction:of:)` says how k is rounded.
  ///
  /// - Parameters:
  ///   - fraction: The share of the examples that is looked at, in 0 < fraction ≤ 1.
  ///   - scores: One score for each of n examples.
  ///   - positives: The indices of the positive examples.
  /// - Throws: `fractionOutOfRange`, `notFinite`, `indexOutOfRange`, `noPositives`.
  /// - Complexity: O(n log n).
  public static func recall(
    atFraction fraction: Double, scores: [Double], positives: Set<Int>
  ) throws(EvaluationError) -> Double {
    try detectionCurve(scores: scores, positives: positives).recall(atFraction: fraction)
  }

  /// How many positives turn up as the examples are looked at from the highest score to the lowest.
  ///
  /// - Parameters:
  ///   - scores: One score for each of n examples.
  ///   - positives: The indices of the positive examples.
  /// - Throws: `notFinite`, `indexOutOfRange`, `noPositives`.
  /// - Complexity: O(n log n).
  public static func detectionCurve(
    scores: [Double], positives: Set<Int>
  ) throws(EvaluationError) -> DetectionCurve {
    try require(positives, among: scores)
    try Ranking.requireFinite(scores, .first)
    var found = [0]
    found.reserveCapacity(scores.count + 1)
    var count = 0
    for index in Ranks.descendingOrder(of: scores) {
      if positives.contains(index) { count += 1 }
      found.append(count)
    }
    return DetectionCurve(found: found)
  }

  private static func require(
    _ positives: Set<Int>, among scores: [Double]
  ) throws(EvaluationError) {
    // The smallest wrong index, because a set has no order of its own.
    if let wrong = positives.filter({ !scores.indices.contains($0) }).min() {
      throw .indexOutOfRange(index: wrong, count: scores.count)
    }
    guard !positives.isEmpty else { throw .noPositives(count: scores.count) }
  }
}
