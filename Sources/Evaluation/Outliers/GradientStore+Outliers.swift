public import Gradients
public import Influence
import LinearAlgebra

extension GradientStore {
  /// How much of an outlier each example's gradient is.
  ///
  /// The hypothesis of "Outlier Gradient Analysis" (arXiv 2405.03869) is that harmful examples are few and that their
  /// gradients lie apart, so that neither query nor curvature is needed. The result is the same bit for bit on any
  /// number of threads and for any division into shards.
  ///
  /// - Parameters:
  ///   - measure: The measure.
  ///   - blocks: Which blocks are looked at together; all unless given.
  ///   - progress: Called as rows are done.
  /// - Returns: n numbers, large for outliers.
  /// - Throws: `InfluenceError.notFinite`, `InfluenceError.empty`, `InfluenceError.invalidSetting`, or an error from
  ///   reading the store.
  /// - Complexity: O(nD) in one pass; a forest reads t·ψ·log₂ψ single numbers more. Working memory is bounded by 64 MB.
  public func outlierScores(
    by measure: OutlierMeasure, blocks: [Int]? = nil, progress: ProgressHandler? = nil
  ) throws -> [Double] {
    try requireRows()
    let chosen = blocks ?? Array(layout.blocks.indices)
    precondition(
      !chosen.isEmpty && chosen.allSatisfy(layout.blocks.indices.contains), "blocks \(chosen)")
    // Recorded norms tell whether all numbers are finite before any is looked at.
    let norms = try squaredNorms()
    for block in chosen {
      let bad = norms.blocks[block].enumerated().filter { !$0.element.isFinite }.map(\.offset)
      guard bad.isEmpty else {
        throw InfluenceError.notFinite(source: name, block: layout.blocks[block].name, rows: bad)
      }
    }
    switch measure {
    case .l2:
      return norms.totals(ofBlocks: chosen).map { $0.squareRoot() }
    case .l1:
      return try rowValues(chosen, stage: "summing", progress) { rows, views in
        rows.map { row in
          chosen.reduce(0) { sum, block in sum + (views[block].map { absoluteSum($0, row) } ?? 0) }
        }
      }
    case .isolationForest(let settings):
      progress?("growing trees", 0)
      let forest = try IsolationForest(growingOn: self, blocks: chosen, settings: settings)
      return try forest.scores(of: self, blocks: chosen, progress: progress)
    }
  }

  /// A number for each row, computed from views of chunks of bounded memory.
  ///
  /// Threads share the rows of a chunk.
  func rowValues(
    _ blocks: [Int], stage: String, _ progress: ProgressHandler?,
    _ body: @Sendable (_ rows: Range<Int>, _ views: [MatrixView<Double>?]) -> [Double]
  ) throws -> [Double] {
    let width = blocks.reduce(0) { $0 + layout.blocks[$1].width }
    let size = max(1, min(4096, (1 << 23) / max(1, width)))
    var values: [Double] = []
    values.reserveCapacity(count)
    var buffers = [Matrix<Double>](repeating: .zeros(0, 0), count: layout.count)
    for chunk in chunks(of: size) {
      var views = [MatrixView<Double>?](repeating: nil, count: layout.count)
      for block in blocks {
        views[block] = try rows(chunk, of: block, reusing: &buffers[block])
      }
      let read = views
      let piece = 16
      values += try Parallelism.map((chunk.count + piece - 1) / piece) { index in
        body(index * piece..<min(chunk.count, (index + 1) * piece), read)
      }.flatMap { $0 }
      progress?(stage, Double(values.count) / Double(count))
    }
    try requireUnchanged()
    return values
  }
}

extension IsolationForest {
  /// The score s of each row of a store with the blocks that the forest was grown on.
  ///
  /// - Parameters:
  ///   - store: Finite gradients.
  ///   - blocks: The blocks that the forest was grown on; all unless given.
  ///   - progress: Called as rows are done.
  /// - Complexity: t·log₂ψ comparisons per row.
  public func scores(
    of store: GradientStore, blocks: [Int]? = nil, progress: ProgressHandler? = nil
  ) throws -> [Double] {
    let blocks = blocks ?? Array(store.layout.blocks.indices)
    return try store.rowValues(blocks, stage: "isolating", progress) { rows, views in
      rows.map { row in
        let total = trees.reduce(0.0) { $0 + $1.pathLength(ofRow: row, in: views) }
        return score(meanPathLength: total / Double(trees.count))
      }
    }
  }
}

/// The sum Σ|x| over a row.
private func absoluteSum(_ view: MatrixView<Double>, _ row: Int) -> Double {
  Matrix(view[rows: row..<row + 1]).elements.reduce(0) { $0 + $1.magnitude }
}
