internal import InfluenceKit
internal import OrderedCollections

/// Numbers that a cell keeps for others to compute with, such as scores of training examples:
/// `scores/CELL/NAME.npy`, with a `.npy.json` that says what they are.
package struct CellScores: Sendable {
  /// The name of the file, without ending.
  let name: String
  /// What they are, and what a high one means.
  let about: String
  /// What each column is.
  let columns: String
  /// What each row is, such as a method, with its numbers.
  let rows: OrderedDictionary<String, [Double]>

  /// Names scores; all rows have one length.
  init(
    _ name: String, about: String, columns: String = "training examples",
    rows: OrderedDictionary<String, [Double]>
  ) {
    precondition(Set(rows.values.map(\.count)).count <= 1, "\(name): rows of different lengths")
    self.name = name
    self.about = about
    self.columns = columns
    self.rows = rows
  }

  /// Names the rows of matrices with one row per query: `METHOD, query 3`, or `query 3` for an empty name.
  init(
    _ name: String, about: String, columns: String = "training examples",
    queriesOf matrices: [(name: String, scores: Matrix<Double>)]
  ) {
    let rows = matrices.flatMap { name, scores in
      (0..<scores.rows).map { query in
        (name.isEmpty ? "query \(query)" : "\(name), query \(query)", Array(scores[row: query]))
      }
    }
    self.init(
      name, about: about, columns: columns, rows: OrderedDictionary(uniqueKeysWithValues: rows))
  }

  /// Which training examples each of several subsets has.
  static func members(of subsets: [[Int]], count: Int) -> CellScores {
    let members = subsets.enumerated().map { index, subset in
      let set = Set(subset)
      return ("subset \(index)", (0..<count).map { set.contains($0) ? 1.0 : 0 })
    }
    return CellScores(
      "subsets", about: "1 where the example is in the subset",
      rows: OrderedDictionary(uniqueKeysWithValues: members))
  }
}
