internal import LinearAlgebra

/// Labels of which a share was made wrong, and which ones.
struct LabelNoise {
  /// The labels, wrong ones included.
  let labels: [Int]
  /// The places of those that were made wrong, ascending.
  let flipped: [Int]

  /// Gives round(fraction · n) labels, chosen at random, another class, each other class with equal chance.
  ///
  /// - Parameters:
  ///   - labels: In 0 ..< `classCount`.
  ///   - classCount: How many classes there are.
  ///   - fraction: In 0 ... 1.
  ///   - seed: The same seed flips the same labels.
  /// - Throws: ``DataError/badSetting(name:value:allowed:)`` for a fraction out of range, or one above 0 where there is no
  ///   other class.
  init(
    _ labels: [Int], classCount: Int, fraction: Double, seed: UInt64
  ) throws(DataError) {
    try DataError.check(
      fraction >= 0 && fraction <= 1, "flipped fraction", fraction, "a number in 0 ... 1")
    try DataError.check(
      classCount > 1 || fraction == 0, "flipped fraction", fraction,
      "0 where all examples are of one class")
    var generator = SeededGenerator(seed: seed, stream: RandomStream.labelNoise)
    let count = Int((fraction * Double(labels.count)).rounded())
    flipped = generator.permutation(labels.count).prefix(count).sorted()
    var noisy = labels
    for row in flipped {
      // One of the other classes: the numbers from the true class up move one along.
      let draw = generator.index(below: classCount - 1)
      noisy[row] = draw < labels[row] ? draw : draw + 1
    }
    self.labels = noisy
  }
}
