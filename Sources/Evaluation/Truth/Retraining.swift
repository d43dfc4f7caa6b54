internal import Data
internal import LinearAlgebra
public import Models
internal import OrderedCollections
internal import Synchronization
internal import TensorFiles

/// Trains a model again on parts of a training set, and asks each for the same queries: the truth that
/// scores are held against.
///
/// Deterministic: a run gives the same numbers to the last bit on one machine, whatever the number of
/// threads and whatever else is run.
public struct Retraining: Sendable {
  /// The number n of examples of the whole training set.
  public let count: Int
  /// The number m of queries.
  public let queryCount: Int
  /// Whether training again with another seed can give another model.
  public let dependsOnSeed: Bool
  private let outcome: @Sendable (TrainingRun) throws -> RetrainingOutcome
  /// All that the outcome of a run depends on but the run: fingerprints of data and queries, and the recipe.
  private let key: @Sendable () throws -> OrderedDictionary<String, OrderedJSON>

  /// Prepares training; convex models are trained once on all examples, to start from.
  ///
  /// - Parameters:
  ///   - model: What is trained, in the way that it says, whether it is trained yet or not.
  ///   - data: The whole training set.
  ///   - queries: What the models are asked.
  /// - Throws: `ModelError`, or `FactorizationError`.
  public init<Model: DifferentiableModel>(
    of model: Model, on data: Model.Examples, queries: Model.Examples
  ) throws {
    let start = try model.start(for: data)
    count = data.count
    queryCount = queries.count
    dependsOnSeed = model.dependsOnSeed
    outcome = { run in
      let trained = try start.trained(
        on: data.selecting(run.rows), weights: run.weights, seed: run.seed, progress: nil)
      return try RetrainingOutcome(
        losses: trained.losses(of: queries), answers: trained.answers(to: queries))
    }
    key = {
      [
        "format": "influencekit-truth-1", "data": .string(data.fingerprint),
        "queries": .string(queries.fingerprint), "recipe": try model.recipe,
      ]
    }
  }

  /// Trains one model and asks it.
  ///
  /// - Parameters:
  ///   - run: The rows to train on, which may repeat.
  ///   - cache: Where outcomes are kept.
  /// - Throws: `emptySubset`, an error of the model, `notFinite` where its losses or margins are, or
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
      if let row = run.rows.first(where: { !(0..<count).contains($0) }) {
        throw EvaluationError.rowOutOfRange(index: row, count: count)
      }
      let run = canonical(run)
      guard places[run] == nil else { continue }
      places[run] = different.count
      different.append(run)
    }
    let kept = try cache.map { (cache: $0, key: try key()) }
    let pieces = try Self.untilFirstError(different, progress) { run in
      guard let kept else { return Piece(outcome: try outcome(run)) }
      return try piece(run, kept.cache, Self.key(of: run, kept.key))
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

  private func piece(
    _ run: TrainingRun, _ cache: TruthCache, _ key: OrderedJSON
  ) throws -> Piece {
    let (known, note) = try cache.outcome(for: key, queries: queryCount)
    if let known { return Piece(outcome: known, isReused: true) }
    let outcome = try outcome(run)
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
    if !dependsOnSeed { run.seed = 0 }
    return run
  }

  private static func key(
    of run: TrainingRun, _ shared: OrderedDictionary<String, OrderedJSON>
  ) -> OrderedJSON {
    var key = shared
    key["seed"] = .string(String(run.seed))
    key["weights"] = run.weights.map { .array($0.map { .number($0) }) } ?? .null
    key["rows"] = .array(run.rows.map { .integer($0) })
    return .object(key)
  }
}
