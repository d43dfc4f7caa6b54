/// How differently a classifier's hard predictions treat groups, as papers report it; what
/// ``ClassifierFunctional`` is the smooth stand-in of.
public enum FairnessGap: String, Sendable, CaseIterable {
  /// The rate of predicting class 1.
  case demographicParity
  /// The rate of predicting class 1 among examples of class 1.
  case equalOpportunity

  /// The rate of group 1 less that of group 0, from −1 to 1; of more groups, the mean absolute difference over
  /// all pairs.
  ///
  /// - Parameters:
  ///   - predictions: n classes, 0 or 1.
  ///   - labels: n classes.
  ///   - groups: n groups, from 0 to the largest that occurs; at least two.
  /// - Throws: As ``FairnessGaps``.
  public func value(
    predictions: [Int], labels: [Int], groups: [Int]
  ) throws(EvaluationError) -> Double {
    guard labels.count == predictions.count else {
      throw .differentLengths(predictions.count, labels.count)
    }
    let groupCount = max(2, (groups.max() ?? 0) + 1)
    let rates =
      switch self {
      case .demographicParity:
        try FairnessGaps.demographicParity(
          predictions: predictions, groups: groups, groupCount: groupCount)
      case .equalOpportunity:
        try FairnessGaps.equalOpportunity(
          predictions: predictions, labels: labels, groups: groups, groupCount: groupCount)
      }
    return groupCount == 2 ? rates.gap() : rates.meanAbsoluteGap
  }
}
