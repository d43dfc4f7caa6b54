internal import OrderedCollections

/// Scores of training examples, `rows × n`: `scores/CELL/NAME.npy`, with a `.json` that says what they are.
package struct CellScores: Sendable {
  /// The name of the file, without ending.
  let name: String
  /// What they are, and what a high one means.
  let about: String
  /// What each row is, such as a method, with its n scores.
  let rows: OrderedDictionary<String, [Double]>

  /// Names scores; all rows have one length.
  init(_ name: String, about: String, rows: OrderedDictionary<String, [Double]>) {
    precondition(Set(rows.values.map(\.count)).count <= 1, "\(name): rows of different lengths")
    self.name = name
    self.about = about
    self.rows = rows
  }
}
