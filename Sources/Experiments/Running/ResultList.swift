/// A list in a cell's result whose length follows from the settings, or from another list.
///
/// Reports look at places of such lists. One of a cell that somebody has edited is told from the right ones before.
package struct ResultList: Sendable {
  /// Where it stands in the values of the cell, such as `harm.exact.curve`.
  let field: String
  /// How many entries it has.
  let found: Int
  /// How many it must have.
  let expected: Int

  init<Element>(_ field: String, _ list: [Element], of expected: Int) {
    self.field = field
    found = list.count
    self.expected = expected
  }

  /// What is wrong with the first list that is; nil where none is.
  static func problem(of lists: [ResultList]) -> String? {
    lists.first { $0.found != $0.expected }.map {
      "values.\($0.field): expected a list of \($0.expected), found one of \($0.found)"
    }
  }
}
