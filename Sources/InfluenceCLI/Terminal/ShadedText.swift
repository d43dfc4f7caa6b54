import Foundation
import TensorFiles

/// A text whose parts are shaded by how much each helps or harms.
struct ShadedText {
  /// Its parts, one behind the other; the weight is from −1, the most harmful, to 1, the most helpful.
  let parts: [(text: String, weight: Double)]

  /// When shades are colours.
  enum Color: String, CaseIterable {
    /// Where a person looks at standard output, and `NO_COLOR` is not set.
    case auto
    case always, never

    /// Whether there are colours now.
    var isOn: Bool {
      let environment = ProcessInfo.processInfo.environment
      return switch self {
      case .always: true
      case .never: false
      case .auto:
        isatty(STDOUT_FILENO) == 1 && environment["TERM"] != "dumb"
          && environment["NO_COLOR"] ?? "" == ""
      }
    }
  }

  /// From which weight a part is marked where there are no colours.
  static let markedFrom = 0.25

  /// The text in colours: blue helps, orange harms, in four steps.
  var colored: String {
    parts.map { part in
      let (text, weight) = (Self.shown(part.text), part.weight)
      let steps = [0.1, 0.25, 0.5, 0.75].filter { abs(weight) >= $0 }.count
      guard steps > 0, !text.isEmpty else { return text }
      let shade = (weight > 0 ? [195, 153, 117, 75] : [230, 222, 216, 209])[steps - 1]
      return "\u{1B}[48;5;\(shade)m\u{1B}[30m\(text)\u{1B}[0m"
    }.joined()
  }

  /// The text with marks around its strongest parts.
  var marked: String {
    parts.map { part in
      let text = Self.shown(part.text)
      guard abs(part.weight) >= Self.markedFrom, !text.isEmpty else { return text }
      let gap = text.prefix { $0 == " " }
      return "\(gap)[\(part.weight > 0 ? "+" : "-")\(text.dropFirst(gap.count))]"
    }.joined()
  }

  /// A part that can neither break its line nor steer the terminal.
  private static func shown(_ text: String) -> String {
    text.replacingOccurrences(of: "\n", with: "⏎").inert
  }
}
