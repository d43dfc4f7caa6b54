internal import Foundation

/// An axis with its range decided: where numbers are, and the ticks.
package struct AxisScale: Sendable {
  /// A tick: where it is, what stands there; minor ones have no label.
  package struct Tick: Equatable, Sendable {
    package let value: Double
    package let label: String
    package let isMajor: Bool
  }

  package let lower: Double
  package let upper: Double
  package private(set) var ticks: [Tick]
  package let isLogarithmic: Bool
  package let hasCategories: Bool

  /// Chooses the range and the ticks of an axis.
  ///
  /// - Parameters:
  ///   - axis: The axis.
  ///   - extent: The least and the greatest number on it; nil where there is none.
  ///   - count: The greatest number of labelled ticks, at least 3.
  package init(_ axis: Chart.Axis, extent: ClosedRange<Double>?, atMost count: Int) {
    isLogarithmic = axis.scale == .logarithmic
    hasCategories = axis.categories != nil
    if let places = axis.places, !hasCategories, let least = places.min(),
      let greatest = places.max()
    {
      let extent = extent ?? least...greatest
      (lower, upper) = Self.bounds(
        axis, min(extent.lowerBound, least), max(extent.upperBound, greatest))
      ticks = zip(places, TickLabels.chosen(places, axis.numbers)).map {
        Tick(value: $0, label: $1, isMajor: true)
      }.filter { [lower, upper] in (lower...upper).contains($0.value) }
      return
    }
    switch axis.scale {
    case .categories(let names):
      lower = -0.5
      upper = Double(max(names.count, 1)) - 0.5
      ticks = names.enumerated().map { Tick(value: Double($0), label: $1, isMajor: true) }
    case .linear:
      let numbers = axis.numbers
      if let range = axis.range {
        (lower, upper) = (range.lowerBound, range.upperBound)
      } else {
        let (low, high) = Self.widened(extent ?? 0...1)
        // Finer than the ticks, so that little of the plot stays empty.
        let round = Ticks(covering: low, high, atMost: 2 * count)
        lower = min(low, round.values.first ?? low)
        upper = max(high, round.values.last ?? high)
      }
      ticks = Self.linear(lower, upper, atMost: count, numbers)
    case .logarithmic:
      if let range = axis.range {
        (lower, upper) = (range.lowerBound, range.upperBound)
      } else {
        var (low, high) = extent.map { ($0.lowerBound, $0.upperBound) } ?? (1, 10)
        if high < low * 1.05 { (low, high) = (low / 2, high * 2) }
        lower = min(low, Ticks.roundBelow(low))
        upper = max(high, Ticks.roundAbove(high))
      }
      ticks = Self.logarithmic(lower, upper, atMost: count, axis.numbers)
    }
  }

  /// Where a number is, from 0 at the lower end to 1 at the upper one; beyond outside of the range.
  package func position(of value: Double) -> Double {
    isLogarithmic
      ? (log10(value) - log10(lower)) / (log10(upper) - log10(lower))
      // Halves, because the difference of the largest numbers has no place in a Double.
      : (value / 2 - lower / 2) / (upper / 2 - lower / 2)
  }

  /// Whether a number is inside the range, up to rounding.
  package func contains(_ value: Double) -> Bool {
    (-1e-9...1 + 1e-9).contains(position(of: value))
  }

  /// A range with a little room at both ends, so that no marker is at the border; the fixed range where there is one.
  private static func bounds(
    _ axis: Chart.Axis, _ lower: Double, _ upper: Double
  ) -> (Double, Double) {
    if let range = axis.range { return (range.lowerBound, range.upperBound) }
    if axis.scale == .logarithmic {
      let room = max(pow(upper / lower, 0.04), 1.05)
      return (lower / room, upper * room)
    }
    let (low, high) = widened(lower...upper)
    let room = (high - low) * 0.04
    return (low - room, high + room)
  }

  private static func widened(_ range: ClosedRange<Double>) -> (Double, Double) {
    let (lower, upper) = (range.lowerBound, range.upperBound)
    guard !Ticks.isWide(lower, upper) else { return (lower, upper) }
    let size = max(abs(lower), abs(upper))
    let margin = size < 1e-280 ? 1 : size / 10
    return (lower - margin, upper + margin)
  }

  private static func linear(
    _ lower: Double, _ upper: Double, atMost count: Int, _ numbers: Chart.Axis.Numbers
  ) -> [Tick] {
    var count = count
    var ticks = Ticks(within: lower, upper, atMost: count)
    // One number alone says nothing of the scale.
    while ticks.values.count < 2 {
      count += 1
      ticks = Ticks(within: lower, upper, atMost: count)
    }
    let labels = TickLabels.linear(ticks, numbers)
    return zip(ticks.values, labels).map { Tick(value: $0, label: $1, isMajor: true) }
  }

  private static func logarithmic(
    _ lower: Double, _ upper: Double, atMost count: Int, _ numbers: Chart.Axis.Numbers
  ) -> [Tick] {
    let decades = Ticks.decades(lower, upper)
    // Fewer than three decades: label 1, 2 and 5, if they are two or more and have room.
    if decades.count < 3 {
      let first = Int(log10(lower).rounded(.down)) - 1
      let last = Int(log10(upper).rounded(.up))
      let round = (first...last).flatMap { exponent in [1, 2, 5].map { ($0, exponent) } }
        .filter {
          let value = TickLabels.value($0.0, $0.1)
          return value >= lower * (1 - 1e-9) && value <= upper * (1 + 1e-9)
        }
      if round.count >= 2, round.count <= count {
        let labels = TickLabels.logarithmic(round, numbers)
        return zip(round, labels).map {
          Tick(value: TickLabels.value($0.0, $0.1), label: $1, isMajor: true)
        } + minor(lower, upper, without: round)
      }
      if decades.count < 2 {
        return linear(lower, upper, atMost: count, numbers)
      }
    }
    let step = (decades.count + count - 1) / count
    let labelled = decades.filter { ($0 - (decades.first ?? 0)) % step == 0 }.map { (1, $0) }
    let labels = TickLabels.logarithmic(labelled, numbers)
    let major = zip(labelled, labels).map {
      Tick(value: TickLabels.value($0.0, $0.1), label: $1, isMajor: true)
    }
    if step > 1 {
      return major
        + decades.filter { decade in !labelled.contains { $0.1 == decade } }.map {
          Tick(value: TickLabels.value(1, $0), label: "", isMajor: false)
        }
    }
    return major + (decades.count <= 10 ? minor(lower, upper, without: labelled) : [])
  }

  private static func minor(_ lower: Double, _ upper: Double, without major: [(Int, Int)]) -> [Tick]
  {
    let first = Int(log10(lower).rounded(.down))
    let last = Int(log10(upper).rounded(.up))
    return (first...last).flatMap { exponent in (1...9).map { ($0, exponent) } }
      .filter { candidate in
        let value = TickLabels.value(candidate.0, candidate.1)
        return value >= lower && value <= upper && !major.contains { $0 == candidate }
      }
      .map { Tick(value: TickLabels.value($0.0, $0.1), label: "", isMajor: false) }
  }
}
