internal import Reporting

extension Double {
  /// The number as a file would have it: all its digits, and no `.0`.
  var settingText: String {
    let text = "\(self)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// The share as a percentage, with a decimal where it needs one.
  var percentText: String {
    let value = 100 * self
    return "\(NumberFormat.decimals(value, abs(value - value.rounded()) < 1e-9 ? 0 : 1)) %"
  }
}
