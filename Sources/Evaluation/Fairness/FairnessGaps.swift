/// How differently hard predictions treat groups.
///
/// Predictions are 0 or 1 and not probabilities; a gap is signed, group 1 less group 0.
public enum FairnessGaps {
  /// The share of each group that is predicted 1; the gap is that of demographic parity.
  ///
  ///     P(ŷ = 1 | s = 1) − P(ŷ = 1 | s = 0)
  ///
  /// - Parameters:
  ///   - predictions: n predictions, 0 or 1.
  ///   - groups: n groups in 0 ..< `groupCount`.
  ///   - groupCount: The number of groups, at least 2.
  /// - Throws: `differentLengths`, `tooFewValues` for less than two groups, `notBinary`,
  ///   `groupOutOfRange`, `emptyGroup`.
  /// - Complexity: O(n + groups).
  public static func demographicParity(
    predictions: [Int], groups: [Int], groupCount: Int = 2
  ) throws(EvaluationError) -> GroupRates {
    try check(predictions, groups, groupCount)
    return GroupRates(
      rates: try rates(groups.indices.map { $0 }, predictions, groups, groupCount) {
        .emptyGroup($0)
      })
  }

  /// The share of each group's positive examples that is predicted 1; the gap is that of equal
  /// opportunity.
  ///
  ///     P(ŷ = 1 | y = 1, s = 1) − P(ŷ = 1 | y = 1, s = 0)
  ///
  /// - Parameters:
  ///   - predictions: n predictions, 0 or 1.
  ///   - labels: n labels, 0 or 1.
  ///   - groups: n groups in 0 ..< `groupCount`.
  ///   - groupCount: The number of groups, at least 2.
  /// - Throws: As ``demographicParity(predictions:groups:groupCount:)``, and `noPositivesInGroup`.
  /// - Complexity: O(n + groups).
  public static func equalOpportunity(
    predictions: [Int], labels: [Int], groups: [Int], groupCount: Int = 2
  ) throws(EvaluationError) -> GroupRates {
    _ = try demographicParity(predictions: predictions, groups: groups, groupCount: groupCount)
    guard labels.count == predictions.count else {
      throw .differentLengths(labels.count, predictions.count)
    }
    try checkBinary(labels, .second)
    let positives = labels.indices.filter { labels[$0] == 1 }
    return GroupRates(
      rates: try rates(positives, predictions, groups, groupCount) { .noPositivesInGroup($0) })
  }

  private static func rates(
    _ rows: [Int], _ predictions: [Int], _ groups: [Int], _ groupCount: Int,
    missing: (Int) -> EvaluationError
  ) throws(EvaluationError) -> [Double] {
    var members = [Int](repeating: 0, count: groupCount)
    var hits = members
    for row in rows {
      members[groups[row]] += 1
      hits[groups[row]] += predictions[row]
    }
    if let empty = members.firstIndex(of: 0) { throw missing(empty) }
    return zip(hits, members).map { Double($0) / Double($1) }
  }

  private static func check(
    _ predictions: [Int], _ groups: [Int], _ groupCount: Int
  ) throws(EvaluationError) {
    guard groups.count == predictions.count else {
      throw .differentLengths(predictions.count, groups.count)
    }
    guard groupCount >= 2 else { throw .tooFewValues(count: groupCount, needed: 2) }
    try checkBinary(predictions, .first)
    if let index = groups.firstIndex(where: { $0 < 0 || $0 >= groupCount }) {
      throw .groupOutOfRange(index: index, group: groups[index], groupCount: groupCount)
    }
  }

  private static func checkBinary(
    _ values: [Int], _ input: EvaluationError.Input
  ) throws(EvaluationError) {
    guard let index = values.firstIndex(where: { $0 != 0 && $0 != 1 }) else { return }
    throw .notBinary(input, index: index, value: values[index])
  }
}
