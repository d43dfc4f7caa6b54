internal import InfluenceKit
internal import OrderedCollections

/// Texts of users as the page shows them.
enum PageText {
  /// Longer texts are folded behind their first part.
  private static let longest = 420
  private static let firstPart = 320
  /// The most characters of a text that a page holds.
  static let most = 20_000

  /// What a template needs of a text: `head`, `rest` where it is folded, `left` where it is cut, `tokens` where they are known.
  static func context(_ text: String, tokens: [QueryPart.Token] = []) -> OrderedJSON {
    let shown = visible(String(text.prefix(most)))
    let left = text.count - min(text.count, most)
    var context: OrderedDictionary<String, OrderedJSON> = [:]
    if shown.count > longest {
      let start = shown.prefix(firstPart)
      let end = start.lastIndex(where: \.isWhitespace) ?? start.endIndex
      context["head"] = .string(String(shown[..<end]))
      context["rest"] = .string(String(shown[end...]))
    } else {
      context["head"] = .string(shown)
      context["rest"] = false
    }
    context["left"] = left > 0 ? .string(PageNumbers.grouped(left)) : false
    context["tokens"] = tokens.isEmpty ? false : .array(shaded(tokens))
    return .object(context)
  }

  /// Tokens with the class of their shade: sign, and a step from 1 to 4 of the largest share.
  private static func shaded(_ tokens: [QueryPart.Token]) -> [OrderedJSON] {
    let largest = tokens.reduce(0) { max($0, abs($1.share)) }
    return tokens.map { token in
      let size = largest > 0 ? abs(token.share) / largest : 0
      let step = [0.1, 0.25, 0.5, 0.75].count { size >= $0 }
      return [
        "t": .string(visible(token.text)),
        "c": .string(step == 0 ? "" : (token.share > 0 ? "p" : "m") + "\(step)"),
      ]
    }
  }

  /// A text whose control characters and marks of direction are written as escapes; line breaks and tabs stay.
  static func visible(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.isActive && !isLayout($0) }) else { return text }
    return text.unicodeScalars.map {
      $0.isActive && !isLayout($0) ? $0.escaped(asASCII: true) : String($0)
    }.joined()
  }

  private static func isLayout(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "\n" || scalar == "\t"
  }

  /// A sentence of the program in parts, of which those between backticks are code.
  static func sentence(_ text: String) -> OrderedJSON {
    .array(
      visible(text).split(separator: "`", omittingEmptySubsequences: false).enumerated().map {
        ["t": .string(String($1)), "code": .boolean($0 % 2 == 1)]
      })
  }

  /// A label, an id or a name, on one line and not too long.
  static func name(_ text: String) -> String { text.legible }
}
