public import LinearAlgebra

/// How each query's loss changes when a group of training examples is left out and the model trained anew.
///
///     Δ_qS = f_q(θ₋S) − f_q(θ), mean over seeds        predicted by Σ_{i ∈ S} S_qi/n to first order
///
/// Both models of a difference have the same seed. Positive means that the group helps the query. For convex
/// recipes take `LossScale.all` to compare with influence: there a group of one is
/// ``LeaveOneOut``.
public struct LeaveGroupOut: Sendable, Equatable {
  /// The mean change over seeds, `m × groups`.
  public let changes: Matrix<Double>
  /// The changes of each seed, `m × groups` each; one where the model does not depend on a seed.
  public let bySeed: [Matrix<Double>]
  /// The trainings that this took.
  public let results: RetrainingResults

  /// Trains without each group, and with all, for each seed.
  ///
  /// - Parameters:
  ///   - groups: Lists of training rows to leave out; they may overlap.
  ///   - retraining: What is trained, and asked.
  ///   - seeds: R ≥ 1 seeds; the first alone where the model does not depend on them.
  ///   - cache: Where outcomes are kept.
  ///   - progress: As in ``Retraining/results(of:cache:progress:)``.
  /// - Throws: `nothingLeft` for a group of all rows, or as ``Retraining/results(of:cache:progress:)``.
  public init(
    of groups: [[Int]], by retraining: Retraining, seeds: [UInt64] = [0],
    cache: TruthCache? = nil,
    progress: (@Sendable (_ done: Int, _ total: Int) throws -> Void)? = nil
  ) throws {
    precondition(!seeds.isEmpty, "no seed to train with")
    let count = retraining.count
    for row in groups.joined() where row < 0 || row >= count {
      throw EvaluationError.rowOutOfRange(index: row, count: count)
    }
    let kept = groups.map { RandomSubsets.complement(of: $0, in: count) }
    if kept.contains(where: \.isEmpty) {
      throw EvaluationError.nothingLeft(removed: count, count: count)
    }
    let seeds = retraining.dependsOnSeed ? seeds : [seeds[0]]
    let subsets = [Array(0..<count)] + kept
    results = try retraining.results(
      of: seeds.flatMap { seed in subsets.map { TrainingRun(rows: $0, seed: seed) } },
      cache: cache, progress: progress)
    let outcomes = results.outcomes
    bySeed = seeds.indices.map { place in
      let before = outcomes[place * subsets.count].losses
      return Matrix(
        columns: groups.indices.map { group in
          zip(outcomes[place * subsets.count + 1 + group].losses, before).map { $0 - $1 }
        }, rows: before.count)
    }
    changes = Matrix(meanOf: bySeed)
  }
}
