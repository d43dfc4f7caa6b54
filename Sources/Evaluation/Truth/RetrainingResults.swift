/// What many trained models say of the same queries, and what it took.
public struct RetrainingResults: Sendable, Equatable {
  /// One outcome per run, in the order of the runs.
  public let outcomes: [RetrainingOutcome]
  /// How many models were trained.
  public let computed: Int
  /// How many were found in the cache.
  public let reused: Int
  /// What was wrong with files of the cache whose models were trained again, one sentence per file.
  public let notes: [String]
}
