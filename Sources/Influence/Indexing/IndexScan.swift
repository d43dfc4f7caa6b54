import Gradients
import LinearAlgebra

/// One reading of an index's rows for some queries: the best rows of each, and what no other row exceeds.
struct IndexScan {
  /// What is kept of each side of a query.
  struct Plan: Sendable {
    /// How many rows are ranked by score; 0 where candidates alone are wanted.
    let ranked: Int
    /// How many rows are kept that could have the highest scores.
    let candidates: Int
    /// Whether candidates are chosen by what their scores could be at most, rather than by what they are.
    let isBounded: Bool
  }

  /// One side of a query; scores of the harmful side have their sign turned.
  struct Side: Sendable {
    private var ranked: BestRows?
    private var possible: BestRows
    private let candidateCount: Int

    fileprivate init(_ plan: Plan) {
      ranked = plan.ranked > 0 ? BestRows(count: plan.ranked) : nil
      candidateCount = plan.candidates
      // One more says what the rest cannot exceed.
      possible = BestRows(count: plan.candidates + 1)
    }

    fileprivate mutating func offer(_ score: Double, _ bound: Double, _ row: Int) {
      ranked?.offer(key: score, score: score, row: row)
      possible.offer(key: score + bound, score: score, row: row)
    }

    /// The rows with the highest scores, highest first.
    var best: [BestRows.Entry] { ranked?.sorted() ?? [] }
    /// The rows that could have the highest scores, and the most that any other could have; nil where all are there.
    var outlook: (candidates: [BestRows.Entry], rest: Double?) {
      let all = possible.sorted()
      return (
        Array(all.prefix(candidateCount)), all.count > candidateCount ? all.last?.key : nil
      )
    }
  }

  /// Both sides of a query.
  struct Sides: Sendable {
    var helpful: Side
    var harmful: Side
  }

  let store: GradientStore
  /// ‖ŷ‖² of every row and block.
  let norms: GradientNorms
  /// Which rows count; all unless given.
  let filter: [Bool]?

  /// Products of a chunk with queries, in single precision.
  private static let mostProducts = 4 << 20

  /// Scans.
  ///
  /// - Parameters:
  ///   - queries: The queries.
  ///   - firstQuery: The row of the first of them among all, for errors.
  ///   - plan: What is kept.
  ///   - progress: Called with the share of rows that were read.
  /// - Returns: Both sides of each query.
  /// - Throws: ``InfluenceError/notFiniteScore(row:column:)``, or an error from reading.
  /// - Complexity: One reading of the index; 2mnD operations.
  func sides(
    of queries: IndexQueries, countedFrom firstQuery: Int, _ plan: Plan,
    progress: ((Double) -> Void)? = nil
  ) throws -> [Sides] {
    var sides = [Sides](
      repeating: Sides(helpful: Side(plan), harmful: Side(plan)), count: queries.count)
    let step = max(1024, min(1 << 18, Self.mostProducts / max(1, queries.count)))
    for rows in store.chunks(of: step) {
      if let filter, !filter[rows].contains(true) { continue }
      let scores = try products(of: queries, with: rows)
      let bounds = plan.isBounded ? try self.bounds(of: queries, on: rows) : nil
      let before = sides
      let (filter, constants) = (filter, queries.constants)
      sides = try Parallelism.map(queries.count) { query in
        var side = before[query]
        let (values, widths) = (scores.elements, bounds?.elements)
        for (place, row) in rows.enumerated() {
          if let filter, !filter[row] { continue }
          let place = query * rows.count + place
          let score = values[place]
          guard score.isFinite else {
            throw InfluenceError.notFiniteScore(row: firstQuery + query, column: row)
          }
          // A little more: the bound is a sum itself, in double precision.
          let bound = widths.map { ($0[place] + constants[query]) * (1 + 0x1p-40) } ?? 0
          side.helpful.offer(score, bound, row)
          side.harmful.offer(-score, bound, row)
        }
        return side
      }
      progress?(Double(rows.upperBound) / Double(max(1, store.count)))
    }
    try store.requireUnchanged()
    return sides
  }

  /// V·Ŷᵀ of some rows, `m × rows`, blocks added in double precision.
  private func products(
    of queries: IndexQueries, with rows: Range<Int>
  ) throws -> Matrix<Double> {
    var sum = Matrix<Double>.zeros(queries.count, rows.count)
    for (block, vectors) in queries.blocks.enumerated() {
      let pass = GradientPass<Float>(store: store, block: block, monitor: nil)
      sum.add(try pass.products(vectors.view, with: rows), firstColumn: 0)
    }
    return sum
  }

  /// How far the scores of some rows can be from those of the rows that they were rounded from, `m × rows`.
  private func bounds(
    of queries: IndexQueries, on rows: Range<Int>
  ) throws -> Matrix<Double> {
    var sizes = Matrix<Double>.zeros(rows.count, 2 * store.layout.count)
    for block in store.layout.blocks.indices {
      for (row, square) in norms.blocks[block][rows: rows].enumerated() {
        sizes[row, 2 * block] = square.squareRoot()
      }
      guard let scales = try store.storedScales(rows, of: block) else { continue }
      for (row, scale) in scales.enumerated() { sizes[row, 2 * block + 1] = Double(scale) }
    }
    return Matrix(product: queries.weights.view, sizes.transposed)
  }
}
