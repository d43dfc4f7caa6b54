public import Data
public import LinearAlgebra
internal import Models
internal import TensorFiles
internal import Synchronization

/// Trains a recipe's model on parts of a training set, and asks each for the same queries: the truth that
/// scores are held against.
///
/// Deterministic: a run gives the same numbers to the last bit on one machine, whatever the number of
/// threads and whatever else is run.
public struct Retraining: Sendable {
  /// The whole training set, n examples.
  public let data: TabularDataSet<Double>
  /// The m queries.
  public let queries: TabularDataSet<Double>
  /// What is trained.
  public let recipe: TrainingRecipe
  /// The model that others are trained from: convex ones at the minimum of all examples.
  private let model: any Classifier<Double>
  private let dataKey: String
  private let queryKey: String

  /// Prepares training; convex models are trained once on all examples, to start from.
  ///
  /// - Parameters:
  ///   - data: The whole training set.
  ///   - queries: What the models are asked.
  ///   - recipe: What is trained.
  /// - Throws: `ModelError`, or `FactorizationError`.
  public init(
    of recipe: TrainingRecipe, on data: TabularDataSet<Double>, queries: TabularDataSet<Double>
  ) throws {
    model = try recipe.model(of: data)
    self.data = data
    self.queries = queries
    self.recipe = recipe
    dataKey = ContentHash(of: data).description
    queryKey = ContentHash(of: queries).description
  }

  /// Trains one model and asks it.
  ///
  /// - Parameters:
  ///   - run: The rows to train on, which may repeat.
  ///   - cache: Where outcomes are kept.
  /// - Throws: `emptySubset`, `ModelError`, `notFinite` where the model's logits are, or
  ///   `TensorFileError` where the cache cannot be written.
  public func outcome(of run: TrainingRun, cache: TruthCache? = nil) throws -> RetrainingOutcome {
    try results(of: [run], cache: cache).outcomes[0]
  }

  /// Trains models, several at a time, and asks each.
  ///
  /// With a cache each outcome is kept as soon as it is there, and what is kept is not trained again: a run
  /// that was killed goes on. Equal runs are trained once.
  ///
  /// - Parameters:
  ///   - runs: What to train on.
  ///   - cache: Where outcomes are kept.
  ///   - progress: Called with how many of how many different runs are done, from any thread; if it
  ///     throws, no more models are begun, and its error is thrown.
  /// - Throws: As ``outcome(of:cache:)``; the first error that occurs ends the others.
  public func results(
    of runs: [TrainingRun], cache: TruthCache? = nil,
    progress: (@Sendable (_ done: Int, _ total: Int) throws -> Void)? = nil
  ) throws -> RetrainingResults {
    var places: [TrainingRun: Int] = [:]
    var different: [TrainingRun] = []
    for (index, run) in runs.enumerated() {
      guard !run.rows.isEmpty else { throw EvaluationError.emptySubset(index) }
      if let row = run.rows.first(where: { !data.labels.indices.contains($0) }) {
        throw EvaluationError.rowOutOfRange(index: row, count: data.count)
      }
      let run = canonical(run)
      guard places[run] == nil else { continue }
      places[run] = different.count
      different.append(run)
    }
    let pieces = try Self.untilFirstError(different, progress) { run in
      try piece(run, cache)
    }
    return RetrainingResults(
      outcomes: runs.compactMap { places[canonical($0)].map { pieces[$0].outcome } },
      computed: pieces.count { !$0.isReused }, reused: pieces.count { $0.isReused },
      notes: pieces.compactMap(\.note))
  }

  private struct Piece: Sendable {
    let outcome: RetrainingOutcome
    var isReused = false
    var note: String?
  }

  private func piece(_ run: TrainingRun, _ cache: TruthCache?) throws -> Piece {
    guard let cache else { return Piece(outcome: try trained(run)) }
    let key = key(of: run)
    let (known, note) = try cache.outcome(for: key, queries: queries.count)
    if let known { return Piece(outcome: known, isReused: true) }
    let outcome = try trained(run)
    try cache.keep(outcome, for: key)
    return Piece(outcome: outcome, note: note)
  }

  /// Work on each run, several at a time, until one fails.
  private static func untilFirstError(
    _ runs: [TrainingRun], _ progress: (@Sendable (Int, Int) throws -> Void)?,
    _ work: @Sendable (TrainingRun) throws -> Piece
  ) throws -> [Piece] {
    let failure = Mutex<(any Error)?>(nil)
    let done = Atomic(0)
    let pieces = try? Parallelism.map(runs.count) { index in
      if let error = failure.withLock({ $0 }) { throw error }
      do {
        let piece = try work(runs[index])
        try progress?(done.wrappingAdd(1, ordering: .relaxed).newValue, runs.count)
        return piece
      } catch {
        failure.withLock { if $0 == nil { $0 = error } }
        throw error
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
    return pieces ?? []
  }

  /// The run without what changes nothing.
  private func canonical(_ run: TrainingRun) -> TrainingRun {
    var run = run
    if !recipe.dependsOnSeed { run.seed = 0 }
    return run
  }

  private func key(of run: TrainingRun) -> OrderedJSON {
    [
      "format": "influencekit-truth-1", "data": .string(dataKey), "queries": .string(queryKey),
      "recipe": recipe.key, "seed": .string(String(run.seed)),
      "weights": run.weights.map { .array($0.map { .number($0) }) } ?? .null,
      "rows": .array(run.rows.map { .integer($0) }),
    ]
  }
}

extension Retraining {
  private func trained(_ run: TrainingRun) throws -> RetrainingOutcome {
    try outcome(of: model, run)
  }

  private func outcome(
    of model: some Classifier<Double>, _ run: TrainingRun
  ) throws -> RetrainingOutcome {
    let trained = try model.trained(
      on: data.selecting(run.rows), weights: run.weights, seed: run.seed, progress: nil)
    return try RetrainingOutcome(
      losses: trained.losses(of: queries), logits: trained.logits(of: queries.features.view),
      labels: queries.labels)
  }
}
