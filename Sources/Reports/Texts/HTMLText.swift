/// Text that is to stand in HTML, between tags or in a quoted attribute.
///
/// The one place where the report's values are escaped: every `{{ }}` of a template goes through it. It looks at scalars,
/// not at characters: `"` with a combining accent behind it is one character that is not `"`, but ends an attribute.
package enum HTMLText {
  /// The text with `&`, `<`, `>` and both quotes as references.
  ///
  /// NUL, which HTML cannot hold, becomes U+FFFD.
  package static func escaped(_ text: String) -> String {
    guard text.utf8.contains(where: isSpecial) else { return text }
    var escaped = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped.append(contentsOf: "&amp;".unicodeScalars)
      case "<": escaped.append(contentsOf: "&lt;".unicodeScalars)
      case ">": escaped.append(contentsOf: "&gt;".unicodeScalars)
      case "\"": escaped.append(contentsOf: "&quot;".unicodeScalars)
      case "'": escaped.append(contentsOf: "&#39;".unicodeScalars)
      case "\0": escaped.append("\u{FFFD}")
      default: escaped.append(scalar)
      }
    }
    return String(escaped)
  }

  private static func isSpecial(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "&"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""),
      UInt8(ascii: "'"), 0:
      true
    default: false
    }
  }

  /// JSON that may stand in a `<script>` element: `<` is written `\u003c`, so that nothing in it ends the element, and
  /// `&` and `>` in the same way.
  package static func embedded(json: String) -> String {
    var embedded = String.UnicodeScalarView()
    for scalar in json.unicodeScalars {
      switch scalar {
      case "<": embedded.append(contentsOf: "\\u003c".unicodeScalars)
      case ">": embedded.append(contentsOf: "\\u003e".unicodeScalars)
      case "&": embedded.append(contentsOf: "\\u0026".unicodeScalars)
      default: embedded.append(scalar)
      }
    }
    return String(embedded)
  }
}
