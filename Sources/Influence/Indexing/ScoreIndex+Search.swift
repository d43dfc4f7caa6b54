public import Gradients
import LinearAlgebra

extension ScoreIndex {
  /// Finds the examples with the highest and the lowest scores of each query.
  ///
  /// One reading of the index scores all rows. Without ``SearchOptions/reranking`` the best by these scores are the result. With
  /// it, the candidates whose scores could be among the highest are scored anew from the training gradients, and
  /// ranked by these scores, which are those of ``Curvature/scores(of:aggregation:perBlock:progress:eachBlock:)`` to rounding.
  ///
  /// An example is certain where no row that is not shown could have a higher score: where its own, less what it can be too high, is
  /// above all others, plus what these can be too low. With re-ranking its own score is exact, and others are those that were no
  /// candidates. By how much exact scores leave the bounds of the candidates, which is what the arithmetic of M rounds, is
  /// taken off as well.
  ///
  /// - Parameters:
  ///   - queries: m rows of raw gradients, with the index's blocks in any order.
  ///   - options: What is looked for.
  ///   - progress: Called as rows are read.
  /// - Throws: ``IndexError``, ``InfluenceError``, or an error from reading a store.
  /// - Complexity: One reading of the index for some queries at a time, and with re-ranking of N rows of the training store for each
  ///   side of a query.
  public func search(
    _ queries: GradientStore, _ options: SearchOptions, progress: ProgressHandler? = nil
  ) throws -> SearchResults {
    try require(queries)
    try options.reranking.map { try require($0) }
    precondition(
      options.rows.map { $0.count == store.count } ?? true, "a flag for each of \(store.count) rows"
    )
    let scan = IndexScan(store: store, norms: norms, filter: options.rows)
    let plan = IndexScan.Plan(
      ranked: options.reranking == nil ? options.top : 0,
      candidates: options.reranking == nil ? options.top : options.candidates,
      isBounded: options.certifies)
    let (clock, step) = (ContinuousClock(), queriesAtATime(of: queries, options))
    var results: [SearchResult] = []
    var warnings: [String] = []
    var (scanning, reranking) = (Duration.zero, Duration.zero)
    for first in stride(from: 0, to: queries.count, by: step) {
      let range = first..<min(queries.count, first + step)
      let start = clock.now
      let some = queries[rows: range]
      let sides = try scan.sides(
        of: IndexQueries(some, of: store, about), countedFrom: first, plan
      ) { share in
        progress?(
          "search",
          (Double(first) + share * Double(range.count)) / Double(max(1, queries.count)))
      }
      let middle = clock.now
      scanning += middle - start
      guard let curvature = options.reranking else {
        results += sides.map { Self.result($0, options) }
        continue
      }
      let candidates = sides.map { ($0.helpful.outlook, $0.harmful.outlook) }
      let wanted = candidates.map { Set(($0.0.candidates + $0.1.candidates).map(\.row)) }
      let exact = try ExactScores(of: some, by: curvature, on: wanted)
      for warning in exact.warnings where !warnings.contains(warning) { warnings.append(warning) }
      for (scores, sides) in zip(exact.scores, candidates) {
        results.append(Self.result(sides.0, sides.1, scores, options))
      }
      reranking += clock.now - middle
    }
    try queries.requireUnchanged()
    return SearchResults(
      queries: results, rowCount: options.rows?.count(where: \.self) ?? store.count,
      warnings: warnings, scanSeconds: scanning.inSeconds, rerankSeconds: reranking.inSeconds)
  }

  private typealias Outlook = (candidates: [BestRows.Entry], rest: Double?)

  /// The result of the scan alone.
  private static func result(_ sides: IndexScan.Sides, _ options: SearchOptions) -> SearchResult {
    func side(_ side: IndexScan.Side) -> (best: [BestRows.Entry], certain: Int?, bound: Double?) {
      let best = side.best
      guard options.certifies else { return (best, nil, nil) }
      let (possible, rest) = side.outlook
      let shown = Set(best.map(\.row))
      // One of k + 1 rows that could be highest is not shown: no other row could be higher than the first such.
      let most = possible.first { !shown.contains($0.row) }?.key ?? rest ?? -.infinity
      let widths = Dictionary(
        uniqueKeysWithValues: possible.map { ($0.row, $0.key - $0.score) })
      let certain = best.count { entry in
        widths[entry.row].map { entry.score - $0 > most } ?? false
      }
      return (best, certain, widths.values.max())
    }
    let (helpful, harmful) = (side(sides.helpful), side(sides.harmful))
    return SearchResult(
      top: TopExamples(
        helpful: helpful.best.map { .init(example: $0.row, score: $0.score) },
        harmful: harmful.best.map { .init(example: $0.row, score: -$0.score) }),
      certainHelpful: helpful.certain, certainHarmful: harmful.certain,
      bound: [helpful.bound, harmful.bound].compactMap(\.self).max())
  }

  /// The result of candidates that were scored anew.
  private static func result(
    _ helpful: Outlook, _ harmful: Outlook, _ exact: [Int: Double], _ options: SearchOptions
  ) -> SearchResult {
    func ranked(_ side: Outlook, sign: Double) -> [BestRows.Entry] {
      var best = BestRows(count: options.top)
      for row in side.candidates.map(\.row).sorted() {
        let score = sign * (exact[row] ?? 0)
        best.offer(key: score, score: score, row: row)
      }
      return best.sorted()
    }
    /// How far exact scores lie outside of what the bounds allow.
    func excess(_ side: Outlook, sign: Double) -> Double {
      side.candidates.reduce(0) { most, entry in
        let off = abs(sign * (exact[entry.row] ?? 0) - entry.score)
        return max(most, off - (entry.key - entry.score))
      }
    }
    let (best, worst) = (ranked(helpful, sign: 1), ranked(harmful, sign: -1))
    let slack = max(excess(helpful, sign: 1), excess(harmful, sign: -1))
    func certain(_ entries: [BestRows.Entry], _ side: Outlook) -> Int? {
      guard options.certifies else { return nil }
      guard let rest = side.rest else { return entries.count }
      return entries.count { $0.score > rest + 2 * slack }
    }
    let bounds = (helpful.candidates + harmful.candidates).map { $0.key - $0.score }
    return SearchResult(
      top: TopExamples(
        helpful: best.map { .init(example: $0.row, score: $0.score) },
        harmful: worst.map { .init(example: $0.row, score: -$0.score) }),
      certainHelpful: certain(best, helpful), certainHarmful: certain(worst, harmful),
      bound: options.certifies ? bounds.max() : nil)
  }

  /// How many queries are scored together.
  private func queriesAtATime(of queries: GradientStore, _ options: SearchOptions) -> Int {
    // Rows in double precision and as they are multiplied; with re-ranking, directions of blocks and as they are joined.
    let numbers = options.reranking == nil ? 20 : 20 + 32
    let bytes = numbers * max(1, store.layout.columnCount)
    let most = max(1, min(1024, options.memoryBudget / 2 / bytes))
    guard let curvature = options.reranking else { return most }
    return min(most, curvature.queriesAtATime(of: min(most, queries.count)))
  }
}
