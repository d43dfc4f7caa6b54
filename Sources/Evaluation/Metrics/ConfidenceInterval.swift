/// A number with the range in which it may well lie.
public struct ConfidenceInterval: Sendable, Equatable {
  /// The statistic of the sample itself.
  public let estimate: Double
  /// The lower end.
  public let lower: Double
  /// The upper end.
  public let upper: Double
  /// How often intervals made like this hold the true value, in 0 < level < 1.
  public let level: Double
  /// How many values, or queries, the statistic was taken of.
  public let count: Int

  /// Makes an interval of its parts.
  public init(estimate: Double, lower: Double, upper: Double, level: Double, count: Int) {
    self.estimate = estimate
    self.lower = lower
    self.upper = upper
    self.level = level
    self.count = count
  }

  /// Whether a value lies in the interval, its ends included.
  public func contains(_ value: Double) -> Bool { lower <= value && value <= upper }

  /// Half of the distance between the ends.
  public var halfWidth: Double { (upper - lower) / 2 }

  static func requireLevel(_ level: Double) throws(EvaluationError) {
    guard level > 0, level < 1 else { throw .levelOutOfRange(level) }
  }
}
