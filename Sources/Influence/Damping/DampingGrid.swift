import RealModule

/// Dampings to compare: a number of them between two ends, evenly spaced in their logarithm.
///
///     valueᵢ = low · (high/low)^(i/(count − 1)),   i = 0 … count − 1
///
/// Both ends are met exactly. Values are shares c of each block's mean eigenvalue, λ = c · tr(F)/d,
/// unless the grid is absolute: then they are λ itself.
public struct DampingGrid: Hashable, Sendable {
  /// The least value.
  public let low: Double
  /// The greatest value.
  public let high: Double
  /// How many values, both ends included.
  public let count: Int
  /// Whether values are λ itself, the same for every block, and not shares of the mean eigenvalue.
  public let isAbsolute: Bool

  /// The most values that a grid can have.
  public static let largestCount = 1000

  /// Makes a grid.
  ///
  /// - Parameters:
  ///   - low: The least value, positive and finite.
  ///   - high: The greatest value, above `low` and finite.
  ///   - count: 2 … 1000 values; neighbours must be different numbers.
  ///   - isAbsolute: Whether values are λ itself.
  /// - Throws: ``InfluenceError/invalidDampingGrid(_:reason:)``.
  public init(
    low: Double, high: Double, count: Int, isAbsolute: Bool = false
  ) throws(InfluenceError) {
    self.low = low
    self.high = high
    self.count = count
    self.isAbsolute = isAbsolute
    let text = description
    guard low > 0, low.isFinite else {
      throw .invalidDampingGrid(text, reason: "the low end \(low) is not positive and finite")
    }
    guard high > low, high.isFinite else {
      throw .invalidDampingGrid(text, reason: "the high end \(high) is not above \(low) and finite")
    }
    guard (2...Self.largestCount).contains(count) else {
      throw .invalidDampingGrid(
        text, reason: "a count of \(count) is not from 2 to \(Self.largestCount)")
    }
    guard zip(values, values.dropFirst()).allSatisfy({ $0 < $1 }) else {
      throw .invalidDampingGrid(text, reason: "the ends are too close for \(count) values")
    }
  }

  /// Reads `1e-3:1:13` (shares), or `absolute:1e-6:1e-3:13`.
  ///
  /// - Throws: ``InfluenceError/invalidDampingGrid(_:reason:)``.
  public init(parsing text: String) throws(InfluenceError) {
    var parts = text.split(separator: ":", omittingEmptySubsequences: false)
    let kind = ["absolute", "relative"].first { parts.first == $0[...] }
    if kind != nil { parts.removeFirst() }
    guard parts.count == 3 else {
      throw .invalidDampingGrid(
        text, reason: "there are \(parts.count) parts in the place of three")
    }
    guard let low = Double(parts[0]) else {
      throw .invalidDampingGrid(text, reason: "the low end '\(parts[0])' is not a number")
    }
    guard let high = Double(parts[1]) else {
      throw .invalidDampingGrid(text, reason: "the high end '\(parts[1])' is not a number")
    }
    guard let count = Int(parts[2]) else {
      throw .invalidDampingGrid(text, reason: "the count '\(parts[2])' is not a whole number")
    }
    try self.init(low: low, high: high, count: count, isAbsolute: kind == "absolute")
  }

  /// The values, ascending.
  public var values: [Double] {
    let (start, end) = (Double.log(low), Double.log(high))
    return (0..<count).map { index in
      if index == 0 { return low }
      if index == count - 1 { return high }
      return Double.exp(start + (end - start) * Double(index) / Double(count - 1))
    }
  }

  /// The dampings, ascending.
  ///
  /// - Parameter standard: A damping that stands on the grid if it is there but for rounding.
  public func dampings(meeting standard: Damping) -> [Damping] {
    values.map { value in
      let damping: Damping = isAbsolute ? .absolute(value) : .relative(value)
      switch (damping, standard) {
      case (.relative(let value), .relative(let other)),
        (.absolute(let value), .absolute(let other)):
        return (value - other).magnitude <= 1e-9 * other ? standard : damping
      default: return damping
      }
    }
  }
}

extension DampingGrid: CustomStringConvertible {
  /// `0.001:1.0:13`, or `absolute:0.001:1.0:13`.
  public var description: String { "\(isAbsolute ? "absolute:" : "")\(low):\(high):\(count)" }
}
