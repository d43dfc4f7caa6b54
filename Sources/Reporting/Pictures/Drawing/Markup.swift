import TensorFiles

/// SVG as it is written: elements in order, with the colours they use.
///
/// Coordinates have at most two decimals, so that the same data give the same bytes.
package struct Markup {
  package typealias Attribute = (String, String)

  private var body = ""
  private var open: [String] = []
  private var paints: Set<Paint> = [Palette.background]

  package init() {}

  /// Begins an element, which ``close()`` ends.
  package mutating func begin(_ name: String, _ attributes: [Attribute] = []) {
    body += "<\(name)\(Self.text(of: attributes))>\n"
    open.append(name)
  }

  package mutating func close() {
    guard let name = open.popLast() else { return }
    body += "</\(name)>\n"
  }

  /// Writes a whole element, with a tooltip if one is given.
  package mutating func add(_ name: String, _ attributes: [Attribute], tip: String? = nil) {
    body += "<\(name)\(Self.text(of: attributes))"
    guard let tip else {
      body += "/>\n"
      return
    }
    body += "><title>\(Self.escaped(tip))</title></\(name)>\n"
  }

  /// Writes text; `tip` is the whole text where only a part is shown.
  package mutating func text(
    _ text: String, x: Double, y: Double, size: Double, anchor: String = "start",
    paint: Paint = Palette.ink, bold: Bool = false, turned degrees: Double = 0, tip: String? = nil
  ) {
    var attributes = [("x", Self.number(x)), ("y", Self.number(y))]
    attributes += [("font-size", Self.number(size))]
    if anchor != "start" { attributes.append(("text-anchor", anchor)) }
    if bold { attributes.append(("font-weight", "600")) }
    if degrees != 0 {
      attributes.append(
        ("transform", "rotate(\(Self.number(degrees)) \(Self.number(x)) \(Self.number(y)))"))
    }
    attributes += colors(fill: paint)
    let title = tip.map { "<title>\(Self.escaped($0))</title>" } ?? ""
    body += "<text\(Self.text(of: attributes))>\(title)\(Self.escaped(text))</text>\n"
  }

  /// The attributes of colours: the light colour, and the class that follows the reader's scheme.
  package mutating func colors(fill: Paint? = nil, stroke: Paint? = nil) -> [Attribute] {
    var classes: [String] = []
    var attributes = [("fill", fill?.light ?? "none")]
    if let fill {
      paints.insert(fill)
      classes.append("ik-f-" + fill.name)
    }
    if let stroke {
      paints.insert(stroke)
      attributes.append(("stroke", stroke.light))
      classes.append("ik-s-" + stroke.name)
    }
    if !classes.isEmpty { attributes.append(("class", classes.joined(separator: " "))) }
    return attributes
  }

  package mutating func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, stroke: Paint, width: Double = 1,
    more: [Attribute] = []
  ) {
    var attributes: [Attribute] = [
      ("x1", Self.number(x1)), ("y1", Self.number(y1)), ("x2", Self.number(x2)),
      ("y2", Self.number(y2)), ("stroke-width", Self.number(width)),
    ]
    attributes += more
    attributes += colors(stroke: stroke)
    add("line", attributes)
  }

  package mutating func rectangle(
    _ frame: Frame, fill: Paint? = nil, stroke: Paint? = nil, more: [Attribute] = [],
    tip: String? = nil
  ) {
    var attributes: [Attribute] = [
      ("x", Self.number(frame.x)), ("y", Self.number(frame.y)),
      ("width", Self.number(max(0, frame.width))), ("height", Self.number(max(0, frame.height))),
    ]
    attributes += more
    attributes += colors(fill: fill, stroke: stroke)
    add("rect", attributes, tip: tip)
  }

  package consuming func document(
    width: Double, height: Double, title: String, description: String
  ) -> String {
    while !open.isEmpty { close() }
    let background = Palette.background
    return """
      <svg xmlns="http://www.w3.org/2000/svg" class="ik" role="img" \
      width="\(Self.number(width))" height="\(Self.number(height))" \
      viewBox="0 0 \(Self.number(width)) \(Self.number(height))" font-family="\(Self.fonts)">
      <title>\(Self.escaped(title))</title>
      <desc>\(Self.escaped(description))</desc>
      <style>
      \(StyleSheet.text(of: paints))
      </style>
      <rect width="\(Self.number(width))" height="\(Self.number(height))" \
      fill="\(background.light)" class="ik-f-\(background.name)"/>
      \(body)</svg>

      """
  }

  private static let fonts =
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

  private static func text(of attributes: [Attribute]) -> String {
    attributes.map { " \($0.0)=\"\(escaped($0.1))\"" }.joined()
  }

  /// A coordinate with at most two decimals and without an exponent.
  ///
  /// What lies far outside of any picture is moved to ±10⁶: the part of a line to it that can be seen
  /// moves by less than a thousandth of the picture.
  package static func number(_ value: Double) -> String {
    let hundredths = Int((min(max(value, -1e6), 1e6) * 100).rounded())
    let sign = hundredths < 0 ? "-" : ""
    let magnitude = hundredths.magnitude
    let rest = magnitude % 100
    let whole = sign + "\(magnitude / 100)"
    if rest == 0 { return whole }
    return rest % 10 == 0 ? whole + ".\(rest / 10)" : whole + (rest < 10 ? ".0" : ".") + "\(rest)"
  }

  /// Text as it may stand inside XML, on one line.
  ///
  /// Line breaks and tabs become blanks. Other active scalars, and what XML 1.0 forbids, become U+FFFD.
  package static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\n", "\r", "\t", "\u{85}", "\u{2028}", "\u{2029}": result += " "
      case "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar.isActive ? "\u{FFFD}" : scalar)
      }
    }
    return result
  }
}

/// A rectangle of a picture; y grows downwards.
package struct Frame: Equatable, Sendable {
  package var x: Double
  package var y: Double
  package var width: Double
  package var height: Double

  package init(x: Double, y: Double, width: Double, height: Double) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }

  package var right: Double { x + width }
  package var bottom: Double { y + height }
}
