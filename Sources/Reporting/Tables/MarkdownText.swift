import TensorFiles

/// Text of any origin as it may stand in Markdown, on one line.
///
/// Line breaks and tabs become blanks; other active scalars are shown as escapes.
package enum MarkdownText {
  /// The text as it is, with a backslash before what Markdown would interpret within a line.
  ///
  /// An underscore between letters or digits means nothing in Markdown and stays, so that the names of
  /// parameters stay readable.
  package static func plain(_ text: String) -> String { plain(text, beginsLine: false) }

  /// A sentence at the beginning of a line or a list's item: names between backticks stay so, and all else is plain.
  package static func sentence(_ text: String) -> String {
    let parts = text.unicodeScalars.split(separator: "`", omittingEmptySubsequences: false)
    return parts.enumerated().map { index, part in
      let text = String(String.UnicodeScalarView(part))
      switch index {
      case 0: return plain(text, beginsLine: true)
      case _ where index % 2 == 0: return plain(text)
      // A last backtick without a partner begins nothing.
      case parts.count - 1: return "\\`" + plain(text)
      default: return "`\(onOneLine(text))`"
      }
    }.joined()
  }

  // By scalars: Markdown interprets an asterisk with an accent too, which is no asterisk as a Character.
  private static func plain(_ text: String, beginsLine: Bool) -> String {
    let scalars = Array(onOneLine(text).unicodeScalars)
    func isOfWord(_ index: Int) -> Bool {
      guard scalars.indices.contains(index) else { return false }
      let properties = scalars[index].properties
      return properties.isAlphabetic || properties.numericType != nil || scalars[index] == "_"
    }
    var result = ""
    for (index, scalar) in scalars.enumerated() {
      let isInterpreted =
        switch scalar {
        case "_": !(isOfWord(index - 1) && isOfWord(index + 1))
        case "\\", "|", "`", "*", "[", "]", "<", "&", "~", "$": true
        // At its beginning these make a line a heading, a quotation, a list or a rule.
        case "#", ">", "-", "+", "=": beginsLine && scalars[..<index].allSatisfy { $0 == " " }
        case ".", ")": beginsLine && index > 0 && scalars[..<index].allSatisfy(isDigit)
        default: false
        }
      if isInterpreted { result += "\\" }
      result.unicodeScalars.append(scalar)
    }
    return result
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

  private static func onOneLine(_ text: String) -> String {
    let blanks = text.unicodeScalars.map { $0.properties.isWhitespace && $0.isActive ? " " : $0 }
    return String(String.UnicodeScalarView(blanks)).inert
  }
}
