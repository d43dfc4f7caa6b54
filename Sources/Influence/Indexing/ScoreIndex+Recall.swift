public import Gradients
import LinearAlgebra

extension ScoreIndex {
  /// The share of the k highest scores of all rows that a search found, on average over some queries that are scored exactly.
  ///
  /// - Parameters:
  ///   - results: What was found.
  ///   - queries: All queries of the search.
  ///   - sample: Which of them are scored on all rows.
  ///   - curvature: What scores them.
  ///   - rows: Which rows count; all unless given.
  /// - Returns: The mean over both sides of all queries of the sample.
  /// - Throws: ``IndexError``, ``InfluenceError``, or an error from reading a store.
  /// - Complexity: That of scoring each query of the sample by itself.
  public func recall(
    of results: SearchResults, for queries: GradientStore, sample: [Int], by curvature: Curvature,
    on rows: [Bool]? = nil
  ) throws -> Double {
    try require(curvature)
    let grouped = try queries.partitioned(by: curvature.training.partition)
    var shares: [Double] = []
    for query in sample {
      let scores = try curvature.scores(of: grouped[rows: query..<query + 1])[0].values.elements
      let result = results.queries[query]
      for (found, sign) in [(result.top.helpful, 1.0), (result.top.harmful, -1.0)] {
        guard !found.isEmpty else { continue }
        var best = BestRows(count: found.count)
        for (row, score) in scores.enumerated() where rows?[row] ?? true {
          best.offer(key: sign * score, score: score, row: row)
        }
        // Of equal scores, as many are right as there are places for them.
        let least = best.sorted().last?.key ?? 0
        let right = found.count { sign * scores[$0.example] >= least }
        shares.append(Double(right) / Double(found.count))
      }
    }
    return shares.isEmpty ? 1 : shares.reduce(0, +) / Double(shares.count)
  }
}
