/// How many scores fall between −s and s, in bins of equal width, with s the largest magnitude.
package struct ScoreHistogram: Sendable, Equatable {
  /// The number of bins: odd, so that scores around zero have one.
  package static let binCount = 81

  /// The largest magnitude s.
  package let largest: Double
  /// The scores in each bin; they sum to n.
  package let counts: [Int]

  /// Counts finite scores; each bin has its lower end, and the last both.
  package init(of scores: some Collection<Double>) {
    let largest = scores.reduce(0) { max($0, abs($1)) }
    var counts = [Int](repeating: 0, count: Self.binCount)
    for score in scores {
      let share = largest > 0 ? (score / largest + 1) / 2 : 0.5
      counts[min(Self.binCount - 1, Int(share * Double(Self.binCount)))] += 1
    }
    self.largest = largest
    self.counts = counts
  }

  /// The upper end of a bin.
  package func upperEnd(of bin: Int) -> Double {
    largest * (2 * Double(bin + 1) / Double(Self.binCount) - 1)
  }
}
