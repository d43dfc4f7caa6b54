extension Unicode.Scalar {
  /// Whether the scalar acts on whatever shows it, instead of being shown.
  ///
  /// Control characters, escape sequences' beginnings among them, separators of lines and paragraphs, and
  /// marks that turn the direction of writing do so.
  package var isActive: Bool {
    switch properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: true
    default: properties.isBidiControl
    }
  }
}

extension String {
  /// The text as a terminal may show it: on one line, active scalars written as escapes such as `\n` or `\u{1B}`.
  ///
  /// Whatever the text comes from, it can then neither break its line, nor steer a terminal, nor turn
  /// what stands behind it.
  package var inert: String {
    guard unicodeScalars.contains(where: \.isActive) else { return self }
    return unicodeScalars.map { $0.isActive ? $0.escaped(asASCII: true) : String($0) }.joined()
  }

  /// The inert text, cut to a reasonable length.
  package var legible: String {
    let limit = 200
    let shown = String(String.UnicodeScalarView(unicodeScalars.prefix(limit))).inert
    return unicodeScalars.dropFirst(limit).isEmpty ? shown : shown + "…"
  }

  /// The legible text between quotes.
  package var quoted: String { "\"\(legible)\"" }
}
