import Gradients
import LinearAlgebra
public import TensorFiles

extension ScoreEnsemble {
  /// Scores the members' queries by one method, and writes the weighted sums with their record.
  ///
  /// As many queries are scored at a time as a quarter of the memory budget holds; each member is fitted anew
  /// for each such set.
  ///
  /// - Parameters:
  ///   - estimator: The method, fitted to each member by itself.
  ///   - destination: Where scores are written: all of them, or the most extreme of each query.
  ///   - aggregation: One row of scores per query, or one row for their mean.
  ///   - convention: What a positive score means.
  ///   - options: As for ``Curvature``; there is no certificate of a sum.
  ///   - details: What the program adds to the record.
  ///   - progress: Called as members are done.
  /// - Returns: What is known of the scores.
  /// - Throws: ``InfluenceError``, or an error from reading a store or writing a file.
  /// - Complexity: T times that of one store; one member is in memory at a time.
  @discardableResult
  public func score(
    by estimator: any Estimator, into destination: ScoreDestination,
    aggregation: ScoreAggregation = .none, convention: ScoreConvention = .helpful,
    options: CurvatureOptions = CurvatureOptions(), details: RecordDetails = RecordDetails(),
    progress: ProgressHandler? = nil
  ) throws -> ScoreSummary {
    precondition(destination.form != .blockShares, "shares of blocks are those of one store")
    guard queries.count > 0 else { throw InfluenceError.empty(source: queries.name) }
    return try EnsembleScorer(
      ensemble: self, estimator: estimator, options: options, progress: progress
    ).write(
      into: destination, aggregation: aggregation, convention: convention, details: details)
  }

  /// Computes the weighted sum of the members' self-influence, and writes it with its record.
  ///
  /// - Parameters:
  ///   - estimator: The method, fitted to each member by itself.
  ///   - file: A `.npy` array of n float32 values.
  ///   - options: As for ``Curvature``.
  ///   - details: What the program adds to the record.
  ///   - progress: Called as members are done.
  /// - Throws: ``InfluenceError``, or an error from reading a store or writing a file.
  public func selfInfluence(
    by estimator: any Estimator, into file: RecordedFile,
    options: CurvatureOptions = CurvatureOptions(), details: RecordDetails = RecordDetails(),
    progress: ProgressHandler? = nil
  ) throws -> SelfInfluence {
    let influence = try selfInfluence(by: estimator, options: options, progress: progress)
    let record: OrderedJSON = [
      "format": "influencekit-self-influence", "version": 1, "method": .string(estimator.name),
      "settings": .settings(estimator.settings),
      "damping": .string(options.damping.description),
      "rows": .integer(influence.values.count),
      "precision": .string(options.precision.rawValue),
      "members": try provenance(by: estimator, options).memberRecords(),
      "warnings": .list(influence.warnings.map(details.wording)),
    ]
    try influence.write(into: file, record: record.adding(details.program))
    return influence
  }
}

extension ScoreEnsemble {
  /// What sums over the members are computed from.
  func provenance(
    by estimator: any Estimator, _ options: CurvatureOptions
  ) -> ScoreProvenance {
    ScoreProvenance(
      damping: options.damping, precision: options.precision, combination: options.combination,
      contexts: [], choices: [],
      training: .gradients(members[0].training), queries: .gradients(queries),
      members: members.map { member in
        .init(weight: member.weight, training: member.training, queries: member.queries) {
          try estimator.inputRecords(on: member.training)
        }
      },
      kind: kind, fitSeconds: 0, meter: options.meter)
  }
}

/// An ensemble with the method that scores it.
private struct EnsembleScorer: BatchScorer {
  let ensemble: ScoreEnsemble
  let estimator: any Estimator
  let options: CurvatureOptions
  let progress: ProgressHandler?

  var queryCount: Int { ensemble.queries.count }
  var exampleCount: Int { ensemble.members[0].training.count }
  var method: String { estimator.name }
  var settings: [String: String] { estimator.settings }
  var provenance: ScoreProvenance { ensemble.provenance(by: estimator, options) }

  var memoryBudget: Int { options.memoryBudget }

  func queriesAtATime(perBlock: Bool) -> Int {
    // Scores of one member, their sum, and what is written: three matrices beside the member's own; of segments the
    // queries, before and after.
    let columns = ensemble.kind == .segments ? ensemble.members[0].training.layout.columnCount : 0
    let perQuery = 24 * max(1, exampleCount) + (options.precision == .single ? 8 : 16) * columns
    return max(1, min(queryCount, options.memoryBudget / 4 / perQuery))
  }

  /// Nil: whole rows of scores are made, and must fit.
  func examplesAtATime(perBlock: Bool) throws -> Int? {
    // Beside the three matrices, what a member's scores are made from.
    let bytes = min(1 << 61, (24 + 64) * exampleCount)
    guard bytes <= BlockNeeds.sum(options.memoryBudget, WorkingMemory.allowance) else {
      throw InfluenceError.tooManyExamples(
        source: ensemble.members[0].training.name, rows: exampleCount, bytes: bytes,
        budget: options.memoryBudget, isCertified: false)
    }
    return nil
  }

  func warnings(queriesAtATime count: Int?) -> [String] { [] }

  func scores(
    ofQueries rows: Range<Int>, aggregation: Aggregation, perBlock: Bool
  ) throws -> Scores {
    try ensemble.scores(
      by: estimator, ofQueries: rows, aggregation: aggregation, options: options,
      progress: progress)
  }
}
