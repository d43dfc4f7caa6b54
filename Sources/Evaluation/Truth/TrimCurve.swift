internal import LinearAlgebra

/// Training without the worst-scored examples, against training without random ones.
///
/// The usual trims are small, about 5 % (Yang et al., arXiv 2405.17490). Of equal scores the lower index
/// goes first. The epoch at which accuracy is read must be fixed beforehand.
public struct TrimCurve: Sendable, Equatable {
  /// The shares of examples removed, each below 1; 0 is the model of all examples.
  public let fractions: [Double]
  /// The numbers of examples removed, ⌈fraction · n⌉.
  public let removedCounts: [Int]
  /// The accuracy after each trim, from 0 to 1.
  public let accuracies: [Double]
  /// The accuracy after removing as many at random, `randomAccuracies[share][draw]`.
  public let randomAccuracies: [[Double]]

  /// Measures scores by retraining.
  ///
  /// - Parameters:
  ///   - scores: n numbers, helpful-positive.
  ///   - fractions: The shares to remove, each in 0 ..< 1.
  ///   - randomDraws: How many random removals each share is compared with; 0 for none.
  ///   - seed: Decides the random removals.
  ///   - accuracy: The accuracy of the model trained on these rows, ascending; called several at a time.
  /// - Throws: As ``rows(removing:scores:)``, `notFinite`, or what `accuracy` throws.
  /// - Complexity: 1 + randomDraws trainings a share.
  public init(
    scores: [Double], fractions: [Double], randomDraws: Int = 0, seed: UInt64 = 0,
    accuracy: @Sendable (_ rows: [Int]) throws -> Double
  ) throws {
    let trimmed = try fractions.map { try Self.rows(removing: $0, scores: scores) }
    let perShare = 1 + randomDraws
    let values = try Parallelism.map(trimmed.count * perShare) { index in
      let kept = trimmed[index / perShare]
      let draw = index % perShare
      guard draw > 0 else { return try accuracy(kept) }
      var generator = SeededGenerator(seed: seed, stream: UInt64(draw))
      return try accuracy(generator.permutation(scores.count).suffix(kept.count).sorted())
    }
    try Ranking.requireFinite(values, .second)
    accuracies = trimmed.indices.map { values[$0 * perShare] }
    randomAccuracies = trimmed.indices.map {
      Array(values[$0 * perShare + 1..<($0 + 1) * perShare])
    }
    removedCounts = trimmed.map { scores.count - $0.count }
    self.fractions = fractions
  }

  /// The rows that stay when the ⌈fraction · n⌉ lowest scores go, ascending.
  ///
  /// - Throws: `notFinite`, `fractionOutOfRange` outside 0 ..< 1, `tooFewValues` for no scores,
  ///   `nothingLeft` where rounding up takes all.
  /// - Complexity: O(n log n).
  public static func rows(
    removing fraction: Double, scores: [Double]
  ) throws(EvaluationError) -> [Int] {
    guard fraction >= 0, fraction < 1 else { throw .fractionOutOfRange(fraction) }
    guard !scores.isEmpty else { throw .tooFewValues(count: 0, needed: 1) }
    try Ranking.requireFinite(scores, .first)
    guard fraction > 0 else { return Array(scores.indices) }
    let removed = try Ranking.topCount(fraction: fraction, of: scores.count)
    guard removed < scores.count else { throw .nothingLeft(removed: removed, count: scores.count) }
    return Ranks.ascendingOrder(of: scores).dropFirst(removed).sorted()
  }

  /// The rows that stay when the ⌈fraction · n⌉ lowest scores go of each class with n rows, ascending.
  ///
  /// So that no class is left out where all of its scores are low.
  ///
  /// - Parameters:
  ///   - fraction: In 0 ..< 1.
  ///   - scores: One number per row.
  ///   - labels: The class of each row.
  /// - Throws: As ``rows(removing:scores:)``, for the rows of each class; `differentLengths`.
  /// - Complexity: O(n log n).
  public static func rows(
    removing fraction: Double, scores: [Double], withinClassesOf labels: [Int]
  ) throws(EvaluationError) -> [Int] {
    guard scores.count == labels.count else { throw .differentLengths(scores.count, labels.count) }
    var members: [Int: [Int]] = [:]
    for (row, label) in labels.enumerated() { members[label, default: []].append(row) }
    var kept: [Int] = []
    for (_, rows) in members.sorted(by: { $0.key < $1.key }) {
      kept += try Self.rows(removing: fraction, scores: rows.map { scores[$0] }).map { rows[$0] }
    }
    return kept.sorted()
  }
}
