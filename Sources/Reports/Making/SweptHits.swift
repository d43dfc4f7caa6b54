internal import InfluenceKit

/// Which examples lead for each query at each damping of a sweep.
struct SweptHits {
  /// How many dampings there are.
  let dampings: Int
  /// How many examples of a side are the leading ones.
  let leading: Int
  /// By query and side (helpful, harmful): at how many dampings an example leads.
  private let counts: [Int: [[Int: Int]]]

  /// Counts.
  ///
  /// - Parameters:
  ///   - sweep: Scores of some queries at several dampings.
  ///   - rows: The queries' rows among all.
  ///   - leading: How many examples of a side lead.
  init(_ sweep: DampingSweep, rows: [Int], leading: Int) throws {
    var counts = Dictionary(
      uniqueKeysWithValues: rows.map { ($0, [[Int: Int](), [Int: Int]()]) })
    let grid = sweep.points.indices.filter { sweep.points[$0].isOnGrid }
    for point in grid {
      let tops = try TopExamples.all(of: sweep.scores(at: point), count: leading)
      for (row, top) in zip(rows, tops) {
        for (side, entries) in [top.helpful, top.harmful].enumerated() {
          for entry in entries { counts[row]?[side][entry.example, default: 0] += 1 }
        }
      }
    }
    self.counts = counts
    self.leading = leading
    dampings = grid.count
  }

  /// At how many dampings an example is among the leading of a side, 0 for helpful and 1 for harmful.
  func count(of example: Int, _ query: Int, _ side: Int) -> Int? {
    counts[query].map { $0[side][example] ?? 0 }
  }
}
