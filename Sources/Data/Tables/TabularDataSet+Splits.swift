internal import LinearAlgebra

extension TabularDataSet {
  /// Random, disjoint parts of the given sizes; examples left over are in none.
  ///
  /// - Parameters:
  ///   - counts: The size of each part, each at least 1, together at most ``count``.
  ///   - seed: The same seed gives the same parts.
  /// - Throws: ``DataError/splitTooLarge(requested:available:)``.
  public func split(counts: [Int], seed: UInt64) throws(DataError) -> [TabularDataSet] {
    guard counts.allSatisfy({ $0 >= 1 && $0 <= count }), counts.reduce(0, +) <= count else {
      throw .splitTooLarge(requested: counts, available: count)
    }
    var generator = SeededGenerator(seed: seed, stream: RandomStream.split)
    let order = generator.permutation(count)
    var first = 0
    return counts.map { size in
      defer { first += size }
      return selecting(Array(order[first..<first + size]))
    }
  }

  /// The same examples with a share of the labels made wrong, to be found again.
  ///
  /// Exactly round(fraction · n) examples, chosen at random, get another class, each other class
  /// with equal chance.
  ///
  /// - Parameters:
  ///   - fraction: In 0 ... 1. The default is the noise of the usual benchmark for finding
  ///     mislabelled examples (Koh and Liang 2017; DataInf, Kwon et al. 2024).
  ///   - seed: The same seed flips the same labels.
  /// - Returns: The noisy set, and the rows that were flipped, ascending.
  /// - Throws: ``DataError/badSetting(name:value:allowed:)`` for a fraction out of range.
  public func flippingLabels(
    fraction: Double = 0.2, seed: UInt64
  ) throws(DataError) -> (noisy: TabularDataSet, flipped: [Int]) {
    let noise = try LabelNoise(labels, classCount: classCount, fraction: fraction, seed: seed)
    let noisy = TabularDataSet(
      checked: features, labels: noise.labels, classCount: classCount, ids: ids)
    return (noisy, noise.flipped)
  }
}
