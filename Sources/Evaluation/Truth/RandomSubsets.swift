internal import LinearAlgebra

/// Random subsets of training rows, to train on.
public enum RandomSubsets {
  /// Random subsets of one size, each equally likely, independent of each other.
  ///
  /// A larger number of subsets of the same seed begins with the same ones, so that truth which is kept
  /// can be added to.
  ///
  /// - Parameters:
  ///   - count: The number M of subsets; TRAK takes 100 for the linear datamodeling score.
  ///   - rows: The number n of rows.
  ///   - fraction: The share α of rows in each, in 0 < α ≤ 1; k = ⌈α·n⌉.
  ///   - seed: Decides them.
  /// - Returns: M lists of k rows, ascending.
  /// - Throws: `fractionOutOfRange`, `tooFewValues` for n = 0.
  /// - Complexity: O(M n log n).
  public static func subsets(
    _ count: Int, of rows: Int, fraction: Double = 0.5, seed: UInt64
  ) throws(EvaluationError) -> [[Int]] {
    let size = try Ranking.topCount(fraction: fraction, of: rows)
    return (0..<count).map { subset in
      var generator = SeededGenerator(seed: seed, stream: stream + UInt64(subset))
      return generator.permutation(rows).prefix(size).sorted()
    }
  }

  /// A random partition into groups whose sizes differ by at most one.
  ///
  /// - Parameters:
  ///   - rows: The number n of rows.
  ///   - count: The number of groups, from 1 to n.
  ///   - seed: Decides them.
  /// - Returns: The groups' rows, each ascending.
  /// - Throws: `tooFewValues` for fewer rows than groups.
  public static func partition(
    of rows: Int, groups count: Int, seed: UInt64
  ) throws(EvaluationError) -> [[Int]] {
    precondition(count >= 1, "\(count) groups")
    guard rows >= count else { throw .tooFewValues(count: rows, needed: count) }
    var generator = SeededGenerator(seed: seed, stream: stream - 1)
    let order = generator.permutation(rows)
    return (0..<count).map { group in
      order[group * rows / count..<(group + 1) * rows / count].sorted()
    }
  }

  /// The rows in 0 ..< `count` that are not in a list, ascending.
  public static func complement(of rows: [Int], in count: Int) -> [Int] {
    var isThere = [Bool](repeating: false, count: count)
    for row in rows { isThere[row] = true }
    return (0..<count).filter { !isThere[$0] }
  }

  /// Plus the subset's number.
  private static let stream: UInt64 = 1 << 40
}
