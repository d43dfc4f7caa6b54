/// A colour with a name, once for light and once for dark backgrounds.
package struct Paint: Hashable, Sendable {
  /// The name that it has in class names and variables of the style sheet.
  package let name: String
  /// The colour on the light background, as `#RRGGBB`.
  package let light: String
  package let dark: String

  package init(_ name: String, light: String, dark: String) {
    self.name = name
    self.light = light
    self.dark = dark
  }
}
