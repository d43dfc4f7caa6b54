/// One line of comma-separated values after RFC 4180.
package enum CSVLine {
  /// The text of a line, with its end.
  ///
  /// Lines end with CR LF. A field with a comma, a quotation mark or a line break stands in quotation
  /// marks, and its own are doubled. A line of one empty field is written as two quotation marks, since
  /// it would otherwise read as no line at all.
  package static func text(_ fields: [String]) -> String {
    if fields == [""] { return "\"\"\r\n" }
    return fields.map(quoted).joined(separator: ",") + "\r\n"
  }

  private static func quoted(_ field: String) -> String {
    // By scalars: CR LF is one Character, equal to neither half, and so is a mark with an accent.
    let needsQuotes = field.unicodeScalars.contains { ",\"\r\n".unicodeScalars.contains($0) }
    guard needsQuotes else { return field }
    let doubled = field.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }.joined()
    return "\"" + doubled + "\""
  }
}
