/// Mean and median of numbers.
public enum Statistics {
  /// Σ xᵢ/n, summed in order; NaN of no numbers.
  public static func mean(_ values: some Collection<Double>) -> Double {
    values.reduce(0, +) / Double(values.count)
  }

  /// The value in the middle of the sorted numbers, or the mean of the two there; nil of no numbers.
  ///
  /// - Complexity: O(n log n).
  public static func median(_ values: some Sequence<Double>) -> Double? {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return nil }
    let middle = sorted.count / 2
    return sorted.count.isMultiple(of: 2)
      ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
  }
}
