extension Table {
  /// The table as comma-separated values after RFC 4180, with a line of names first.
  ///
  /// Lines end with CR LF. A field with a comma, a quotation mark or a line break stands in quotation
  /// marks, and its own are doubled. Numbers are written with the fewest digits that read back as the
  /// same `Double`, times in seconds, sizes in bytes; what is missing is an empty field.
  public func csv() -> String {
    Self.csvLine(columns.map(\.name))
      + rows.map { row in Self.csvLine(row.map(rawText)) }.joined()
  }

  private func rawText(of cell: Cell) -> String {
    switch cell {
    case .text(let text): text
    case .number(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .missing: ""
    }
  }

  /// One line of comma-separated values, as ``csv()`` writes them, with its end.
  ///
  /// For tables that are written as they are made.
  public static func csvLine(_ fields: [String]) -> String {
    // A line of one empty field would read as no line at all.
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
