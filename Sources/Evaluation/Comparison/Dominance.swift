import LinearAlgebra
import TensorFiles

/// Queries and blocks that rule a mean.
enum Dominance {
  /// The share of the sum above which one of at least three parts is said to rule it.
  private static let most = 0.5

  /// What to say of scores of which one query, or one block, supplies most.
  ///
  /// - Parameters:
  ///   - scores: `m × n`, of queries whose mean is taken; nil where queries have an equal say.
  ///   - blocks: Of each block: its name, and Σ|s| over its share of the mean row.
  static func sentences(
    queries scores: Matrix<Double>?, blocks: [(name: String, size: Double)]
  ) -> [String] {
    var sentences: [String] = []
    if let scores, scores.rows >= 3 {
      let lengths = scores.rowLengths()
      let total = lengths.reduce(0, +)
      if let largest = lengths.indices.max(by: { lengths[$0] < lengths[$1] }),
        lengths[largest] > most * total
      {
        sentences.append(
          "query \(largest) supplies \(percent(lengths[largest] / total)) of the scores of all \(scores.rows) queries, so that their mean is about it alone; combine them by normalized-mean or vote, or leave it out"
        )
      }
    }
    let total = blocks.reduce(0) { $0 + $1.size }
    if blocks.count >= 3, let largest = blocks.max(by: { $0.size < $1.size }),
      largest.size > most * total
    {
      sentences.append(
        "block \(largest.name.quoted) supplies \(percent(largest.size / total)) of the mean query's exact scores; scores are about that block"
      )
    }
    return sentences
  }

  private static func percent(_ share: Double) -> String { "\(Int((100 * share).rounded())) %" }
}

extension Matrix where Element == Double {
  /// ‖s‖ of each row.
  fileprivate func rowLengths() -> [Double] {
    (0..<rows).map { row in
      let largest = self[row: row].reduce(0) { Swift.max($0, abs($1)) }
      guard largest > 0 else { return 0 }
      return largest
        * self[row: row].reduce(0) { $0 + ($1 / largest) * ($1 / largest) }.squareRoot()
    }
  }
}
