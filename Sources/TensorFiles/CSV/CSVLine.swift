/// One line of comma-separated values after RFC 4180.
///
/// A spreadsheet computes what begins like a formula, such as `=cmd|…`. A field that begins so and is no number has
/// an apostrophe put before it, and so has one that begins with apostrophes and goes on so; a reader
/// that takes one apostrophe away from before either has the field as it was.
package enum CSVLine {
  /// The text of a line, with its end.
  ///
  /// Lines end with CR LF. A field with a comma, a quotation mark or a line break stands in quotation
  /// marks, and its own are doubled. A line of one empty field is written as two quotation marks, since
  /// it would otherwise read as no line at all.
  package static func text(_ fields: [String]) -> String {
    if fields == [""] { return "\"\"\r\n" }
    return fields.map { quoted(guarded($0)) }.joined(separator: ",") + "\r\n"
  }

  /// The field that ``text(_:)`` wrote, as it was given.
  package static func unguarded(_ field: String) -> String {
    field.unicodeScalars.first == "'" && needsGuard(field)
      ? String(String.UnicodeScalarView(field.unicodeScalars.dropFirst())) : field
  }

  private static func guarded(_ field: String) -> String {
    needsGuard(field) ? "'" + field : field
  }

  /// Whether a field begins like a formula, behind any number of apostrophes, and is no number.
  private static func needsGuard(_ field: String) -> Bool {
    guard let first = field.unicodeScalars.first(where: { $0 != "'" }) else { return false }
    return formulaStarts.contains(first) && Double(field) == nil
  }

  /// What formulas begin with, in full width too, and the blanks that spreadsheets pass over before them.
  private static let formulaStarts = Set("=+-@\t\r\n＝＋－＠".unicodeScalars)

  private static func quoted(_ field: String) -> String {
    // By scalars: CR LF is one Character, equal to neither half, and so is a mark with an accent.
    let needsQuotes = field.unicodeScalars.contains { ",\"\r\n".unicodeScalars.contains($0) }
    guard needsQuotes else { return field }
    let doubled = field.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }.joined()
    return "\"" + doubled + "\""
  }
}
