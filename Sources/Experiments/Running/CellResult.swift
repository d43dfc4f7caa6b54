internal import OrderedCollections

/// What a cell of an experiment leaves.
package struct CellResult<Kind: Experiment>: Sendable {
  /// What is the same whenever it is computed.
  let values: Kind.Result
  /// What was measured on the machine; nil where nothing was.
  let costs: Kind.Costs?
  /// Scores of training examples, which become files of their own.
  let scores: [CellScores]

  package init(_ values: Kind.Result, costs: Kind.Costs? = nil, scores: [CellScores] = []) {
    self.values = values
    self.costs = costs
    self.scores = scores
  }
}

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
