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
