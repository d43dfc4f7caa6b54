internal import Foundation

/// Numbers as text for people: the same on every machine, whatever its language settings.
///
/// A missing number is written "–". Rounding is that of C's `printf`: from the
/// exact binary value to the nearest decimal, and to the even one of two equally near.
package enum NumberFormat {
  /// What stands where a number is missing: an en dash.
  package static let missing = "–"

  /// A number to some significant digits: 0.0123, 1.50, 734.
  ///
  /// Digits before the decimal point are all shown below a million, even where they are more than
  /// asked for. Numbers below 10⁻⁴ or from a million on are written with an exponent: 1.23e-05. Zero
  /// is "0"; what is not finite is "NaN", "inf" or "-inf".
  ///
  /// - Parameter digits: How many significant digits, in 1 ... 17.
  package static func significant(_ value: Double?, digits: Int = 3) -> String {
    precondition((1...17).contains(digits), "\(digits) significant digits are not in 1 ... 17")
    guard let value else { return missing }
    guard value.isFinite else { return notFinite(value) }
    if value == 0 { return "0" }
    let scientific = String(format: "%.*e", digits - 1, value)
    // Read from the text, because rounding may have raised it: 9.996 to three digits is 10.0.
    guard let mark = scientific.firstIndex(of: "e"),
      let exponent = Int(scientific[scientific.index(after: mark)...].drop { $0 == "+" })
    else { return scientific }
    guard exponent >= -4, exponent < 6 else { return scientific }
    return String(format: "%.*f", max(0, digits - 1 - exponent), value)
  }

  /// A bound to three significant digits, rounded up where the nearest would be below it.
  ///
  /// - Parameter value: The bound, not negative, or nil where it is missing.
  package static func upperBound(_ value: Double?) -> String {
    let text = significant(value)
    guard let value, let shown = Double(text), shown < value else { return text }
    return significant(value * 1.01)
  }

  /// A number to a fixed number of decimals, so that a column's decimal points stand in line: 0.500.
  ///
  /// What is not finite is "NaN", "inf" or "-inf"; what rounds to zero has no sign.
  ///
  /// - Parameter decimals: How many digits after the point, in 0 ... 17.
  package static func decimals(_ value: Double?, _ decimals: Int = 3) -> String {
    precondition((0...17).contains(decimals), "\(decimals) decimals are not in 0 ... 17")
    guard let value else { return missing }
    guard value.isFinite else { return notFinite(value) }
    let text = String(format: "%.*f", decimals, value)
    let isZero = text.allSatisfy { "-0.".contains($0) }
    return isZero && text.hasPrefix("-") ? String(text.dropFirst()) : text
  }

  /// A time in the unit that suits it: 850 ns, 12 ms, 3.4 s, 2 min 5 s, 1 h 30 min.
  ///
  /// Below a minute: one decimal under ten of the unit, none above. Never more than two units.
  package static func seconds(_ value: Double?) -> String {
    guard let value else { return missing }
    guard value.isFinite else { return notFinite(value) }
    if value < 0 { return "-" + seconds(-value) }
    if value == 0 { return "0 s" }
    // 59.5 is where "60 s" would begin.
    if value < 59.5 {
      return scaled(
        value, units: [("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3), ("s", 1)], step: 1000)
    }
    // Past about 10¹⁸ seconds an Int would overflow, and minutes mean nothing.
    guard value < 1e15 else { return significant(value) + " s" }
    let whole = Int(value.rounded())
    if whole < 3600 { return pair(whole / 60, "min", whole % 60, "s") }
    let minutes = Int((value / 60).rounded())
    return pair(minutes / 60, "h", minutes % 60, "min")
  }

  /// A size in decimal units: 812 B, 1.2 kB, 34 MB, 1.2 GB.
  ///
  /// From 1 kB on: one decimal under ten of the unit, none above. 1 kB is 1000 B.
  package static func bytes(_ value: Int?) -> String {
    guard let value else { return missing }
    let magnitude = Double(value.magnitude)
    let sign = value < 0 ? "-" : ""
    if magnitude < 1000 { return "\(value) B" }
    let units = [
      ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("PB", 1e15), ("EB", 1e18),
    ]
    return sign + scaled(magnitude, units: units, step: 1000)
  }

  /// Writes a positive value in the first unit in which it stays below `step` after rounding.
  private static func scaled(
    _ value: Double, units: [(name: String, size: Double)], step: Double
  ) -> String {
    var text = ""
    for (name, size) in units {
      let amount = value / size
      // 9.95 is where one decimal would show 10.0.
      text = String(format: amount < 9.95 ? "%.1f" : "%.0f", amount) + " " + name
      if amount < step - 0.5 { break }
    }
    return text
  }

  private static func pair(_ large: Int, _ largeName: String, _ small: Int, _ smallName: String)
    -> String
  {
    small == 0 ? "\(large) \(largeName)" : "\(large) \(largeName) \(small) \(smallName)"
  }

  private static func notFinite(_ value: Double) -> String {
    value.isNaN ? "NaN" : value < 0 ? "-inf" : "inf"
  }
}
