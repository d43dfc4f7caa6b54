/// The colours of all pictures.
///
/// The colours of series have the hues of Okabe and Ito, "Color Universal Design" (2008). Their
/// lightness is changed so that each has a contrast of at least 3 : 1 to the background (WCAG 2.1,
/// success criterion 1.4.11), and so that any two differ by 18 or more in CIELAB, also as protanopes
/// and deuteranopes see them (simulated after Machado, Oliveira and Fernandes 2009).
package enum Palette {
  package static let background = Paint("bg", light: "#FFFFFF", dark: "#15181D")
  package static let ink = Paint("ink", light: "#1F2328", dark: "#E6E8EB")
  /// The colour of secondary text, such as tick labels and subtitles.
  package static let quiet = Paint("quiet", light: "#57606A", dark: "#A6AEB8")
  /// The colour of axes and of the outlines of points.
  package static let axis = Paint("axis", light: "#6E7781", dark: "#8B949E")
  /// The colour of reference lines: darker than the axes, since they may cross clouds of points.
  package static let reference = Paint("ref", light: "#444C56", dark: "#C4CBD3")
  /// The colour of grid lines, which need no contrast because the ticks say the same.
  package static let grid = Paint("grid", light: "#E4E7EB", dark: "#2C323A")

  /// The colours of series: blue, vermilion, green, purple, orange, sky blue, black and yellow.
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
