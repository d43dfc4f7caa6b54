/// The influence of every training example on itself, by one method.
public struct SelfInfluence: Sendable {
  /// The method's name.
  public let method: String
  /// gᵢᵀ·M·gᵢ of the n training examples; never negative but for rounding.
  public internal(set) var values: [Double]
  /// What the user should know.
  public internal(set) var warnings: [String]
  /// Each block's share of the values, `1 × n`; nil unless they were asked for.
  public internal(set) var shares: BlockShares?
}

/// What is known of self-influence that has been written.
public struct SelfInfluenceSummary: Sendable {
  /// How many of the largest values are known.
  static let largestCount = 5

  /// The method's name.
  public let method: String
  /// The number of training examples n.
  public let exampleCount: Int
  /// The examples of the five largest values, the largest first.
  public let largest: [TopExamples.Entry]
  /// What the user should know.
  public let warnings: [String]
  /// Seconds spent after the fit.
  public let seconds: Double
}
