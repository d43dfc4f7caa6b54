/// Orders and ranks of numbers that are all finite, with one rule for ties.
package enum Ranks {
  /// The indices from the smallest value to the largest; of equal values, the lower index first.
  package static func ascendingOrder(of values: [Double]) -> [Int] {
    order(of: values) { $0.value < $1.value || ($0.value == $1.value && $0.index < $1.index) }
  }

  /// The indices from the largest value to the smallest; of equal values, the lower index first.
  package static func descendingOrder(of values: [Double]) -> [Int] {
    order(of: values) { $0.value > $1.value || ($0.value == $1.value && $0.index < $1.index) }
  }

  /// Sorts each value beside its index: a comparison then reads neighbours, not the whole list.
  private static func order(
    of values: [Double],
    by precedes: ((value: Double, index: Int), (value: Double, index: Int)) -> Bool
  ) -> [Int] {
    var pairs = values.indices.map { (value: values[$0], index: $0) }
    pairs.sort(by: precedes)
    return pairs.map(\.index)
  }

  /// The average ranks, 1 for the smallest; equal values share the mean of their ranks.
  ///
  /// - Parameters:
  ///   - values: n values.
  ///   - order: Their descending order.
  package static func averages(of values: [Double], descending order: [Int]) -> [Double] {
    var ranks = [Double](repeating: 0, count: values.count)
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
      // Counted from the smallest: positions start ..< end hold the ranks n − end + 1 ... n − start.
      let shared = Double(2 * order.count + 1 - start - end) / 2
      for position in start..<end { ranks[order[position]] = shared }
      start = end
    }
    return ranks
  }
}
