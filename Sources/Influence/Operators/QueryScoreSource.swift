import Gradients
import LinearAlgebra

/// What the scores of queries on the query side are products of, so that those of any examples can be made again, to
/// the same bits.
enum QueryScoreSource<Element: Scalar>: Sendable {
  /// S = X·Gᵀ by a pass of its own.
  case products(Matrix<Element>)
  /// S = X·Gᵀ as the pass gives it that gives the residual, too.
  case normalProducts(Matrix<Element>)
  /// S = X·Gᵀ by that pass in double precision, less the products of a correction in the precision of products.
  case measured(Matrix<Double>, correction: Matrix<Element>?)

  /// The scores of some examples, `m × examples`.
  func scores(of examples: Range<Int>, _ pass: GradientPass<Element>) throws -> Matrix<Double> {
    switch self {
    case .products(let rows):
      return Matrix<Double>(converting: try pass.products(rows.view, with: examples))
    case .normalProducts(let rows):
      return Matrix<Double>(converting: try pass.normalProducts(rows.view, with: examples))
    case .measured(let rows, let correction):
      var scores = try pass.inDouble.normalProducts(rows.view, with: examples)
      if let correction {
        scores.add(
          Matrix<Double>(converting: try pass.products(correction.view, with: examples)), scale: -1)
      }
      return scores
    }
  }

  /// What bounds need of all scores, which are kept where products are.
  ///
  /// - Parameters:
  ///   - context: The block.
  ///   - pass: Products with its training gradients.
  ///   - measured: X·Gᵀ where it has been measured and kept.
  func outline(
    _ context: BlockContext, _ pass: GradientPass<Element>, measured: Matrix<Double>? = nil
  ) throws -> ScoreOutline {
    guard pass.keepsProducts else {
      let queryCount =
        switch self {
        case .products(let rows), .normalProducts(let rows): rows.rows
        case .measured(let rows, _): rows.rows
        }
      var outline = ScoreOutline(queryCount: queryCount)
      for examples in pass.store.chunks(of: 1 << 16) {
        outline.add(try scores(of: examples, pass), from: examples.lowerBound, context)
      }
      return outline
    }
    switch self {
    case .products(let rows), .normalProducts(let rows):
      return ScoreOutline(keeping: try pass.products(rows.view), context)
    case .measured(_, let correction):
      guard var scores = measured else { preconditionFailure("what was measured is kept") }
      if let correction {
        scores.add(
          Matrix<Double>(converting: try pass.products(correction.view)), scale: -1)
      }
      return ScoreOutline(keeping: scores, context)
    }
  }
}

/// What bounds need of the scores of some queries.
struct ScoreOutline: Sendable {
  /// S, `m × n`, where it is kept.
  private(set) var values: Matrix<Double>?
  /// The largest magnitude of each query's scores.
  private(set) var largest: [Double]
  /// Σⱼ √νⱼ·|sⱼ| of each query.
  private(set) var weights: [Double]

  /// No scores yet, of which none will be kept.
  init(queryCount: Int) {
    largest = [Double](repeating: 0, count: queryCount)
    weights = largest
  }

  /// All scores, which are kept.
  init<Element: Scalar>(keeping scores: Matrix<Element>, _ context: BlockContext) {
    self.init(queryCount: scores.rows)
    let scores = Matrix<Double>(converting: scores)
    add(scores, from: 0, context)
    values = scores
  }

  /// Adds the scores of some examples, which follow those that were added before.
  mutating func add(_ scores: Matrix<Double>, from firstExample: Int, _ context: BlockContext) {
    context.addWeights(of: scores, from: firstExample, to: &weights)
    for row in 0..<scores.rows {
      largest[row] = scores[row: row].reduce(largest[row]) { max($0, abs($1)) }
    }
  }
}

extension GradientPass {
  /// What bounds need of S = X·Gᵀ, with Z + S·G/n for a given Z, from one pass; S is kept where products are.
  func outline(
    ofProductsOf rows: Matrix<Element>, _ context: BlockContext,
    addingPullBackTo sum: inout Matrix<Element>
  ) throws -> ScoreOutline {
    let scale = 1 / Double(context.exampleCount)
    let ones = { (rows: Range<Int>) in [Double](repeating: 1, count: rows.count) }
    if keepsProducts {
      return ScoreOutline(
        keeping: try normalProducts(rows.view, weights: ones, scale: scale, addingTo: &sum),
        context)
    }
    var outline = ScoreOutline(queryCount: rows.rows)
    try addNormalProducts(rows.view, weights: ones, scale: scale, to: &sum) { examples, products in
      outline.add(Matrix<Double>(converting: products), from: examples.lowerBound, context)
    }
    return outline
  }
}
