/// Estimates how wide text is.
///
/// The reader's font is not known. Widths are those of wide sans-serif fonts (DejaVu Sans, Verdana), so that
/// text has room in any.
package enum TextMeasure {
  /// The estimated width of a text at a size, both in pixels.
  package static func width(_ text: String, size: Double) -> Double {
    text.reduce(0) { $0 + width(of: $1) } * size
  }

  private static func width(of character: Character) -> Double {
    guard let scalar = character.unicodeScalars.first else { return 0 }
    switch scalar {
    case "i", "j", "l", "I", "|", "'", "!", ".", ",", ":", ";", " ", "·": return 0.34
    case "f", "r", "t", "(", ")", "[", "]", "/", "-": return 0.42
    case "m", "w", "M", "W", "@", "%": return 0.97
    case "⁰"..."⁹", "¹", "²", "³", "⁻": return 0.42
    case "A"..."Z", "−", "–", "+", "=", "<", ">", "_": return 0.74
    default: return scalar.value >= 0x2E80 ? 1.05 : 0.63
    }
  }

  /// The text, cut to a width and ended with an ellipsis where it is wider.
  package static func fitting(_ text: String, size: Double, width limit: Double) -> (
    shown: String, isCut: Bool
  ) {
    guard width(text, size: size) > limit else { return (text, false) }
    var shown = ""
    var used = width("…", size: size)
    for character in text {
      used += width(of: character) * size
      if used > limit { break }
      shown.append(character)
    }
    return (shown + "…", true)
  }

  /// The text in at most `count` lines, broken at blanks; the last one is cut where it is too wide.
  package static func lines(_ text: String, size: Double, width limit: Double, atMost count: Int)
    -> (lines: [String], isCut: Bool)
  {
    var lines: [String] = []
    for word in text.split(whereSeparator: \.isWhitespace) {
      if let last = lines.last,
        lines.count == count || width(last + " " + word, size: size) <= limit
      {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append(String(word))
      }
    }
    var isCut = false
    for index in lines.indices {
      let (shown, cut) = fitting(lines[index], size: size, width: limit)
      lines[index] = shown
      isCut = isCut || cut
    }
    return (lines, isCut)
  }
}
