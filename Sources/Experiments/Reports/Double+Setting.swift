extension Double {
  /// The number as a file would have it: all its digits, and no `.0`.
  var settingText: String {
    let text = "\(self)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
