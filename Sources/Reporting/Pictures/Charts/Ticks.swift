internal import Foundation

/// Evenly spaced round numbers: whole multiples of 1, 2 or 5 times a power of ten.
package struct Ticks: Equatable, Sendable {
  package let mantissa: Int
  /// The step is mantissa · 10^exponent.
  package let exponent: Int
  private let first: Int
  private let last: Int

  /// The fewest steps that cover a range: the first tick is at or below `lower`, the last at or
  /// above `upper`, up to 10⁻⁹ of a step.
  ///
  /// - Parameters:
  ///   - lower: The range's lower end.
  ///   - upper: Its upper end, above the lower one by at least 10⁻¹² of the larger magnitude.
  ///   - count: The greatest number of ticks, at least 3: round numbers on both sides of zero need as many.
  package init(covering lower: Double, _ upper: Double, atMost count: Int) {
    self.init(from: lower, to: upper, atMost: count) { low, high in
      (Int((low + 1e-9).rounded(.down)), Int((high - 1e-9).rounded(.up)))
    }
  }

  /// The ticks inside a range, with the smallest step that gives at most `count` of them.
  package init(within lower: Double, _ upper: Double, atMost count: Int) {
    self.init(from: lower, to: upper, atMost: count) { low, high in
      (Int((low - 1e-9).rounded(.up)), Int((high + 1e-9).rounded(.down)))
    }
  }

  private init(
    from lower: Double, to upper: Double, atMost count: Int,
    ends: (Double, Double) -> (Int, Int)
  ) {
    precondition(count >= 3, "\(count) ticks are fewer than 3")
    precondition(lower < upper, "the range from \(lower) to \(upper) is empty")
    var exponent = Int(log10((upper - lower) / Double(count)).rounded(.down))
    while true {
      for mantissa in [1, 2, 5] {
        let (first, last) = ends(
          Self.steps(lower, mantissa, exponent), Self.steps(upper, mantissa, exponent))
        guard last - first < count else { continue }
        self.mantissa = mantissa
        self.exponent = exponent
        self.first = first
        self.last = last
        return
      }
      exponent += 1
    }
  }

  /// The ticks, ascending.
  ///
  /// May be empty or one where they are to lie inside a range.
  package var values: [Double] {
    first > last ? [] : (first...last).map { Self.value($0 * mantissa, exponent) }
  }

  /// How many steps from zero a value is.
  ///
  /// Powers of ten are exact up to 10²², so 0.3 is three steps of 0.1.
  private static func steps(_ value: Double, _ mantissa: Int, _ exponent: Int) -> Double {
    (exponent < 0 ? value * pow(10, Double(-exponent)) : value / pow(10, Double(exponent)))
      / Double(mantissa)
  }

  private static func value(_ multiple: Int, _ exponent: Int) -> Double {
    exponent < 0
      ? Double(multiple) / pow(10, Double(-exponent)) : Double(multiple) * pow(10, Double(exponent))
  }

  /// The greatest number 1, 2 or 5 · 10^k at or below a positive value.
  package static func roundBelow(_ value: Double) -> Double {
    let exponent = log10(value).rounded(.down)
    // One exponent less, because the logarithm of a power of ten may be rounded up.
    let candidates = [exponent - 1, exponent, exponent + 1].flatMap { exponent in
      [1, 2, 5].map { Self.value($0, Int(exponent)) }
    }
    return candidates.last { $0 <= value * (1 + 1e-12) } ?? value
  }

  /// The least number 1, 2 or 5 · 10^k at or above a positive value.
  package static func roundAbove(_ value: Double) -> Double {
    let below = roundBelow(value)
    if below >= value * (1 - 1e-12) { return below }
    return [2, 2.5, 5, 10].map { below * $0 }.map { roundBelow($0) }.first { $0 > below * 1.5 }
      ?? value
  }

  /// The powers of ten in a positive range, up to rounding.
  package static func decades(_ lower: Double, _ upper: Double) -> [Int] {
    let first = Int((log10(lower) - 1e-9).rounded(.up))
    let last = Int((log10(upper) + 1e-9).rounded(.down))
    return first > last ? [] : Array(first...last)
  }

  /// Whether a range is wide enough for its ticks to be different numbers.
  package static func isWide(_ lower: Double, _ upper: Double) -> Bool {
    upper - lower > max(1e-12 * max(abs(lower), abs(upper)), 1e-290)
  }
}
