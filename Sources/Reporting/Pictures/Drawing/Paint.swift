/// A colour with a name, once for light and once for dark backgrounds.
package struct Paint: Hashable, Sendable {
  /// Its name in class names and variables of the style sheet.
  package let name: String
  /// The colour on the light background, as `#RRGGBB`.
  package let light: String
  /// The colour on the dark background.
  package let dark: String

  package init(_ name: String, light: String, dark: String) {
    self.name = name
    self.light = light
    self.dark = dark
  }
}

/// The colours of all pictures.
///
/// The colours of series have the hues of Okabe and Ito, "Color Universal Design" (2008). Their
/// lightness is changed so that each has a contrast of at least 3 : 1 to the background (WCAG 2.1,
/// success criterion 1.4.11), and so that any two differ by 18 or more in CIELAB, also as protanopes
/// and deuteranopes see them (simulated after Machado, Oliveira and Fernandes 2009).
package enum Palette {
  /// What everything stands on.
  package static let background = Paint("bg", light: "#FFFFFF", dark: "#15181D")
  /// Titles and labels.
  package static let ink = Paint("ink", light: "#1F2328", dark: "#E6E8EB")
  /// Secondary text: tick labels, subtitles.
  package static let quiet = Paint("quiet", light: "#57606A", dark: "#A6AEB8")
  /// Lines of axes and outlines of points.
  package static let axis = Paint("axis", light: "#6E7781", dark: "#8B949E")
  /// Lines to compare with: darker than the axes, since they may cross clouds of points.
  package static let reference = Paint("ref", light: "#444C56", dark: "#C4CBD3")
  /// Grid lines, which need no contrast: the ticks say the same.
  package static let grid = Paint("grid", light: "#E4E7EB", dark: "#2C323A")

  /// Blue, vermilion, green, purple, orange, sky blue, black, yellow.
  package static let series = [
    Paint("s0", light: "#005994", dark: "#0873B3"),
    Paint("s1", light: "#E06243", dark: "#D55E00"),
    Paint("s2", light: "#03A076", dark: "#019D72"),
    Paint("s3", light: "#9E4F7C", dark: "#CC79A7"),
    Paint("s4", light: "#C37F00", dark: "#E69F00"),
    Paint("s5", light: "#168CBF", dark: "#56B4E9"),
    Paint("s6", light: "#222222", dark: "#F0F0F0"),
    Paint("s7", light: "#6B6500", dark: "#FFF251"),
  ]
}

/// The style sheet of a picture.
///
/// Every element carries its light colour as an attribute, which programs without style sheets show.
/// Where variables are supported, classes replace it by a variable, and the variables follow the
/// reader's colour scheme. Programs that do not know a rule with `@` skip it whole, so they show the
/// light picture. Names mean the same in every picture, so that several can stand in one page.
package enum StyleSheet {
  package static func text(of paints: Set<Paint>) -> String {
    let sorted = paints.sorted { $0.name < $1.name }
    func variables(_ color: (Paint) -> String) -> String {
      ".ik{" + sorted.map { "--ik-\($0.name):\(color($0))" }.joined(separator: ";") + "}"
    }
    let classes = sorted.map {
      ".ik-f-\($0.name){fill:var(--ik-\($0.name))}.ik-s-\($0.name){stroke:var(--ik-\($0.name))}"
    }
    return variables(\.light) + "\n@media (prefers-color-scheme:dark){" + variables(\.dark) + "}\n"
      + "@supports (color:var(--a)){" + classes.joined() + "}"
  }
}
