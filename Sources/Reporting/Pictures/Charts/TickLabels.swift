internal import Foundation

/// What stands at ticks: all labels of an axis are written the same way.
enum TickLabels {
  /// The number mantissa · 10^exponent.
  static func value(_ mantissa: Int, _ exponent: Int) -> Double {
    exponent < 0
      ? Double(mantissa) / pow(10, Double(-exponent)) : Double(mantissa) * pow(10, Double(exponent))
  }

  /// The labels of evenly spaced ticks: with as many decimals as the step needs, and with a power of ten where
  /// all are below 0.001 or one is a million or more.
  static func linear(_ ticks: Ticks, _ numbers: Chart.Axis.Numbers) -> [String] {
    let values = ticks.values
    switch numbers {
    case .seconds, .bytes: return values.map { unit($0, numbers) }
    case .percent:
      let decimals = min(max(0, -ticks.exponent - 2), 12)
      return values.map { signed(NumberFormat.decimals($0 * 100, decimals)) + "%" }
    case .plain:
      let greatest = values.map { abs($0) }.max() ?? 0
      if greatest == 0 || (greatest >= 1e-3 && greatest < 1e6) {
        return values.map { signed(NumberFormat.decimals($0, min(max(0, -ticks.exponent), 15))) }
      }
      let exponent = Int((log10(greatest) + 1e-9).rounded(.down))
      let decimals = min(max(0, exponent - ticks.exponent), 15)
      return values.map {
        if $0 == 0 { return "0" }
        // In two steps: a power below 10⁻³⁰⁷ is not a normal number.
        let half = exponent / 2
        let mantissa = $0 / pow(10, Double(half)) / pow(10, Double(exponent - half))
        return signed(NumberFormat.decimals(mantissa, decimals)) + "·10" + superscript(exponent)
      }
    }
  }

  /// The labels of ticks on a logarithmic axis: plain where all are from 0.001 to 10000, otherwise with a
  /// power of ten.
  static func logarithmic(_ ticks: [(mantissa: Int, exponent: Int)], _ numbers: Chart.Axis.Numbers)
    -> [String]
  {
    let isPlain = ticks.allSatisfy { (-3...4).contains($0.exponent) }
    return ticks.map { mantissa, exponent in
      let value = value(mantissa, exponent)
      switch numbers {
      case .seconds, .bytes: return unit(value, numbers)
      case .percent: return NumberFormat.decimals(value * 100, min(max(0, -exponent - 2), 12)) + "%"
      case .plain:
        if isPlain { return NumberFormat.decimals(value, max(0, -exponent)) }
        return (mantissa == 1 ? "" : "\(mantissa)·") + "10" + superscript(exponent)
      }
    }
  }

  /// The labels of numbers that somebody chose: with as many digits as they need, up to four.
  static func chosen(_ values: [Double], _ numbers: Chart.Axis.Numbers) -> [String] {
    values.map { value in
      switch numbers {
      case .seconds, .bytes: return unit(value, numbers)
      case .percent: return shortest(value * 100) + "%"
      case .plain: return shortest(value)
      }
    }
  }

  private static func shortest(_ value: Double) -> String {
    let text =
      (1...4).lazy.map { NumberFormat.significant(value, digits: $0) }
      .first { Double($0) == value } ?? NumberFormat.significant(value, digits: 4)
    return signed(text)
  }

  private static func unit(_ value: Double, _ numbers: Chart.Axis.Numbers) -> String {
    if numbers == .bytes, abs(value) < 9e18 {
      return NumberFormat.bytes(Int(value.rounded())).replacing(".0 ", with: " ")
    }
    // NumberFormat keeps a decimal that round numbers do not need: 2.0 ms.
    return NumberFormat.seconds(value).replacing(".0 ", with: " ")
  }

  private static func signed(_ text: String) -> String {
    text.hasPrefix("-") ? "−" + text.dropFirst() : text
  }

  private static func superscript(_ exponent: Int) -> String {
    let digits: [Character] = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"]
    return String(
      "\(exponent)".map { character in character.wholeNumberValue.map { digits[$0] } ?? "⁻" })
  }
}
