internal import Foundation
internal import Reporting

/// Numbers as the page writes them: `.46`, `+230`, `−1.2·10⁻⁵`, `14,586`, `23 %`.
///
/// A minus is U+2212, as wide as a plus; zero stands before no point.
enum PageNumbers {
  /// A score with its sign, to three digits or as many as stand before the point.
  static func signed(_ value: Double) -> String { (value < 0 ? "−" : "+") + plain(abs(value)) }

  /// A number of any size, to three digits or as many as stand before the point.
  static func plain(_ value: Double) -> String {
    let size = abs(value)
    let text =
      switch size {
      case 1e7...: power(String(format: "%.2e", size))
      case 1e4...: grouped(Int(size.rounded()))
      case 100...: String(format: "%.0f", size)
      case 10...: String(format: "%.1f", size)
      case 1...: String(format: "%.2f", size)
      case 1e-3...: String(format: "%.3f", size)
      case 0: "0"
      default: power(String(format: "%.1e", size))
      }
    return (value < 0 ? "−" : "") + withoutZero(text)
  }

  /// `1.2e-05` as `1.2·10⁻⁵`.
  private static func power(_ text: String) -> String {
    let parts = text.split(separator: "e")
    guard parts.count == 2, let exponent = Int(parts[1].drop { $0 == "+" }) else { return text }
    let raised: [Character: Character] = [
      "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷",
      "8": "⁸", "9": "⁹",
    ]
    return "\(parts[0])·10" + String("\(exponent)".map { raised[$0] ?? $0 })
  }

  /// A number with one decimal, so that points stand in line.
  static func decimal(_ value: Double) -> String { NumberFormat.decimals(value, 1) }

  /// A correlation or share: `.46`, `−.12`, `1.00`.
  static func share(_ value: Double, decimals: Int = 2) -> String {
    let text = withoutZero(NumberFormat.decimals(abs(value), decimals))
    let isZero = text.allSatisfy { ".0".contains($0) }
    return (value < 0 && !isZero ? "−" : "") + text
  }

  /// A share as whole percent: `23 %`.
  static func percent(_ value: Double) -> String { "\(Int((100 * value).rounded())) %" }

  /// A count with a comma at every third digit from five digits on: `9600`, `14,586`.
  static func grouped(_ count: Int) -> String {
    let digits = String(count.magnitude)
    guard digits.count > 4 else { return "\(count)" }
    var text = ""
    for (place, digit) in digits.enumerated() {
      if place > 0, (digits.count - place) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return (count < 0 ? "−" : "") + text
  }

  /// A place, which ties may have made a half: `12`, `12.5`.
  static func place(_ value: Double) -> String {
    value == value.rounded() ? "\(Int(value))" : String(format: "%.1f", value)
  }

  /// A number of things: `1 query`, `3 queries`.
  static func counted(_ count: Int, _ one: String, _ several: String? = nil) -> String {
    "\(grouped(count)) \(count == 1 ? one : several ?? one + "s")"
  }

  /// Small numbers as words.
  static func word(_ count: Int) -> String {
    let words = [
      "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
      "eleven", "twelve",
    ]
    return words.indices.contains(count) ? words[count] : grouped(count)
  }

  /// A coordinate or width in CSS and SVG.
  static func coordinate(_ value: Double) -> String { Markup.number(value) }

  private static func withoutZero(_ text: String) -> String {
    text.hasPrefix("0.") ? String(text.dropFirst()) : text
  }
}
