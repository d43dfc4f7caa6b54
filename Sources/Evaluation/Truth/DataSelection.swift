internal import LinearAlgebra

/// Training on the best-scored examples only.
///
/// DataInf keeps 70 % (Kwon et al. 2024, appendix F). The epoch at which accuracy is read must be fixed
/// beforehand: the best of several epochs on the test set is not an accuracy.
public struct DataSelection: Sendable, Equatable {
  /// The shares of examples kept.
  public let fractions: [Double]
  /// The numbers of examples kept, one per share.
  public let keptCounts: [Int]
  /// The accuracy after training on the best of each share, from 0 to 1.
  public let accuracies: [Double]

  /// Measures scores by retraining.
  ///
  /// - Parameters:
  ///   - scores: n numbers, helpful-positive.
  ///   - fractions: The shares to keep, each in 0 < fraction ≤ 1.
  ///   - accuracy: The accuracy of the model trained on these rows, ascending; called several at a time.
  /// - Throws: As ``rows(keeping:scores:)``, `notFinite`, or what `accuracy` throws.
  /// - Complexity: one training a share.
  public init(
    scores: [Double], fractions: [Double],
    accuracy: @Sendable (_ rows: [Int]) throws -> Double
  ) throws {
    let kept = try fractions.map { try Self.rows(keeping: $0, scores: scores) }
    accuracies = try Parallelism.map(kept.count) { try accuracy(kept[$0]) }
    try Ranking.requireFinite(accuracies, .second)
    keptCounts = kept.map(\.count)
    self.fractions = fractions
  }

  /// The ⌈fraction · n⌉ rows of the highest scores, ascending; of equal scores at the cut, the lower
  /// indices stay.
  ///
  /// - Throws: `notFinite`, `fractionOutOfRange`, `tooFewValues` for no scores.
  /// - Complexity: O(n log n).
  public static func rows(
    keeping fraction: Double, scores: [Double]
  ) throws(EvaluationError) -> [Int] {
    let count = try Ranking.topCount(fraction: fraction, of: scores.count)
    return try Ranking.topIndices(count, of: scores).sorted()
  }
}
