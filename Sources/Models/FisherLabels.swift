/// Whose labels a Fisher matrix is of.
public enum FisherLabels: Sendable, Hashable {
  /// The data's: the empirical Fisher matrix.
  case empirical
  /// Drawn from the model's own predictions, one per example: the Fisher matrix proper, which of softmax
  /// is the Gauss–Newton matrix.
  case sampled(seed: UInt64)

  /// `empirical` or `sampled`.
  public var name: String {
    switch self {
    case .empirical: "empirical"
    case .sampled: "sampled"
    }
  }
}
