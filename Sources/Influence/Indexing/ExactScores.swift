import Gradients
import LinearAlgebra

/// Scores of some training examples for each query, from the training gradients: s_i = f_i · Σ_blocks x·g_i with x = M·v.
struct ExactScores {
  /// The scores of the examples that were asked for, per query.
  let scores: [[Int: Double]]
  /// What the user should know.
  let warnings: [String]

  /// Scores examples.
  ///
  /// - Parameters:
  ///   - queries: m rows of raw gradients.
  ///   - curvature: M, of one estimator.
  ///   - wanted: Examples of each query.
  /// - Throws: ``InfluenceError``, or an error from reading a store.
  /// - Complexity: That of the queries' directions, and a reading of every example that is asked for.
  init(of queries: GradientStore, by curvature: Curvature, on wanted: [Set<Int>]) throws {
    let training = curvature.training
    let directions = try curvature.directions(
      of: queries.partitioned(by: training.partition))
    var joined = Matrix<Double>.zeros(queries.count, training.layout.columnCount)
    for (values, block) in zip(directions.values, training.storedLayout.blocks) {
      joined.place(values.view, firstRow: 0, firstColumn: block.columns.lowerBound)
    }
    var askers: [Int: [Int]] = [:]
    for (query, rows) in wanted.enumerated() {
      for row in rows { askers[row, default: []].append(query) }
    }
    let (rows, asking, left) = (askers.keys.sorted(), askers, joined)
    let found = try Parallelism.map(rows.count) { place in
      let row = rows[place]
      let gradient = try training.storedRows(row..<row + 1)
      return (asking[row] ?? []).map { query in
        (query, left.view.dotOfRow(query, with: gradient.view, row: 0))
      }
    }
    try training.requireUnchanged()
    var scores = [[Int: Double]](repeating: [:], count: queries.count)
    for (row, products) in zip(rows, found) {
      for (query, product) in products {
        let score = product * directions.factor(query: query, example: row)
        guard score.isFinite else {
          throw InfluenceError.notFiniteScore(row: query, column: row)
        }
        scores[query][row] = score
      }
    }
    self.scores = scores
    warnings = directions.warnings
  }
}
