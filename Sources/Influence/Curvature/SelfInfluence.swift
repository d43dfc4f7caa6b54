/// The influence of every training example on itself, by one method.
public struct SelfInfluence: Sendable {
  /// The method's name.
  public let method: String
  /// gᵢᵀ·M·gᵢ of the n training examples; never negative but for rounding.
  public internal(set) var values: [Double]
  /// What the user should know.
  public internal(set) var warnings: [String]
  /// Seconds spent on it after the fit, where it was written; 0 otherwise.
  public internal(set) var seconds = 0.0
  /// Each block's share of the values, `1 × n`; nil unless they were asked for.
  public internal(set) var shares: BlockShares?
}
