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
  /// - Throws: ``EvaluationError`` if a group is empty or lengths differ.
  public func value(
    predictions: [Int], labels: [Int], groups: [Int]
  ) throws(EvaluationError) -> Double {
    for count in [labels.count, groups.count] where count != predictions.count {
      throw .differentLengths(predictions.count, count)
    }
    let rates = try rates(predictions: predictions, labels: labels, groups: groups)
    if rates.count == 2 { return rates[1] - rates[0] }
    var sum = 0.0
    for first in rates.indices {
      for second in rates.indices[..<first] { sum += abs(rates[first] - rates[second]) }
    }
    return sum / Double(rates.count * (rates.count - 1) / 2)
  }

  /// The rate of each group, from 0 to 1.
  private func rates(
    predictions: [Int], labels: [Int], groups: [Int]
  ) throws(EvaluationError) -> [Double] {
    let groupCount = max(2, (groups.max() ?? 0) + 1)
    var (hits, counts) = (
      [Int](repeating: 0, count: groupCount), [Int](repeating: 0, count: groupCount)
    )
    for row in predictions.indices where self == .demographicParity || labels[row] == 1 {
      counts[groups[row]] += 1
      if predictions[row] == 1 { hits[groups[row]] += 1 }
    }
    if let group = counts.firstIndex(of: 0) {
      throw .noExampleInGroup(group, label: self == .equalOpportunity ? 1 : nil)
    }
    return zip(hits, counts).map { Double($0) / Double($1) }
  }
}
