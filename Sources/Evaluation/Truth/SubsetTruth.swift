public import LinearAlgebra

/// How well each query does after training on each of several subsets: the truth of
/// ``LinearDatamodelingScore``.
public struct SubsetTruth: Sendable, Equatable {
  /// What is measured; higher is better.
  public enum Measure: String, Sendable, Hashable, CaseIterable {
    /// −loss, in nats.
    case negativeLoss
    /// log p/(1 − p) of the label, of models with classes.
    case margin

    func values(_ outcome: RetrainingOutcome) throws(EvaluationError) -> [Double] {
      switch self {
      case .negativeLoss: return outcome.losses.map { -$0 }
      case .margin:
        guard outcome.margins.count == outcome.losses.count else { throw .noClasses }
        return outcome.margins
      }
    }
  }

  /// The mean over seeds, `m × M`, one column per subset.
  public let values: Matrix<Double>
  /// The values of each seed, `m × M` each; a single one where the model does not depend on a seed.
  public let bySeed: [Matrix<Double>]
  /// The trainings that this took.
  public let results: RetrainingResults

  /// Trains on each subset with each seed.
  ///
  /// - Parameters:
  ///   - subsets: M lists of training rows, such as those of ``RandomSubsets``.
  ///   - retraining: What is trained, and asked.
  ///   - seeds: R ≥ 1 seeds; the first alone where the model does not depend on them.
  ///   - measure: What is measured.
  ///   - cache: Where outcomes are kept.
  ///   - progress: As in ``Retraining/results(of:cache:progress:)``.
  /// - Throws: ``EvaluationError/noClasses`` for margins of a model without classes, or as
  ///   ``Retraining/results(of:cache:progress:)``.
  public init(
    of subsets: [[Int]], by retraining: Retraining, seeds: [UInt64] = [0],
    measure: Measure = .negativeLoss, cache: TruthCache? = nil,
    progress: (@Sendable (_ done: Int, _ total: Int) throws -> Void)? = nil
  ) throws {
    precondition(!seeds.isEmpty, "no seed to train with")
    let seeds = retraining.dependsOnSeed ? seeds : [seeds[0]]
    results = try retraining.results(
      of: seeds.flatMap { seed in subsets.map { TrainingRun(rows: $0, seed: seed) } },
      cache: cache, progress: progress)
    let outcomes = results.outcomes
    bySeed = try seeds.indices.map { place in
      Matrix(
        columns: try outcomes[place * subsets.count..<(place + 1) * subsets.count].map {
          try measure.values($0)
        }, rows: retraining.queryCount)
    }
    values = Matrix(meanOf: bySeed)
  }
}

extension Matrix<Double> {
  /// A matrix of lists that are its columns.
  init(columns lists: [[Double]], rows: Int) {
    var matrix = Matrix.zeros(rows, lists.count)
    for (column, values) in lists.enumerated() {
      for row in 0..<rows { matrix[row, column] = values[row] }
    }
    self = matrix
  }

  /// The mean of at least one matrix, element by element.
  init(meanOf matrices: [Matrix<Double>]) {
    self.init(
      rows: matrices[0].rows, columns: matrices[0].columns,
      elements: matrices[0].elements.indices.map { index in
        Moments.mean(matrices.map { $0.elements[index] })
      })
  }
}
