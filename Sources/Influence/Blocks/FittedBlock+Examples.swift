import Gradients
import LinearAlgebra

extension FittedBlock {
  /// What the only estimator keeps of a set of queries that it scores some examples at a time.
  struct PreparedQueries<Element: Scalar>: Sendable {
    /// X on the query side, V on the score side, `m × d`, and how scores are made of it.
    let source: QueryScoreSource<Element>
    /// ‖v‖² per query.
    let squaredNorms: [Double]
    /// How far the scores can be from the exact ones, if asked for and known.
    var error: AnswerError?
    var convergence: [BlockConvergence] = []
    var warnings: [String] = []
  }

  /// Prepares queries that are scored some examples at a time.
  ///
  /// - Parameters:
  ///   - queries: V, `m × d`.
  ///   - pass: Products with the training gradients; nothing is kept of them.
  ///   - certifies: Whether error bounds are wanted, and exact scores as near as they aim to be.
  func prepared<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>, certifies: Bool
  ) throws -> PreparedQueries<Element> {
    let queries = Queries(rows: queries, squaredNorms: queries.squaredRowNorms())
    try checkRange(of: queries)
    guard case .query(let fitted) = operators[0] else {
      return PreparedQueries(
        source: .products(Matrix(queries.rows)), squaredNorms: queries.squaredNorms)
    }
    var pass = pass
    pass.keepsProducts = false
    let preconditioned = try fitted.precondition(queries.rows, pass: pass)
    guard isCertified(0, certifies) else {
      return PreparedQueries(
        source: .products(preconditioned.rows), squaredNorms: queries.squaredNorms,
        convergence: preconditioned.convergence, warnings: preconditioned.warnings)
    }
    let (answer, warnings) = try certifiedAnswer(
      fitted, preconditioned, to: queries, aim: needs.aim(of: 0), pass: pass)
    return PreparedQueries(
      source: answer.source, squaredNorms: queries.squaredNorms, error: answer.error,
      convergence: preconditioned.convergence, warnings: preconditioned.warnings + warnings)
  }

  /// The scores of some examples for prepared queries, `m × examples`.
  func scores<Element: Scalar>(
    of queries: PreparedQueries<Element>, for examples: Range<Int>, pass: GradientPass<Element>
  ) throws -> Matrix<Double> {
    let scores: Matrix<Double>
    switch (operators[0], queries.source) {
    case (.score(let fitted), .products(let rows)):
      scores = try fitted.solve(
        CrossProducts(
          try pass.products(rows.view, with: examples), squaredQueryNorms: queries.squaredNorms)
      ).scores
    default: scores = try queries.source.scores(of: examples, pass)
    }
    try checkFinite(scores.elements)
    return scores
  }

  /// A quantity of some of the training examples, which is asked for by their rows.
  typealias ExampleValues = (Range<Int>) throws -> BlockSelfInfluence

  /// Prepares a quantity of the training examples under one estimator.
  ///
  /// On the score side all n values are computed at once, since K is in memory too; on the query side those that are
  /// asked for.
  ///
  /// - Parameters:
  ///   - quantity: gᵢᵀ·M·gᵢ or ‖M·gᵢ‖².
  ///   - index: The estimator.
  ///   - pass: Products with the block's training gradients.
  ///   - memory: Bytes that it may take.
  func exampleValues<Element: Scalar>(
    _ quantity: ExampleQuantity, ofEstimator index: Int, pass: GradientPass<Element>, memory: Int
  ) throws -> ExampleValues {
    let values: ExampleValues
    switch (operators[index], quantity) {
    case (.score(let fitted), .selfInfluence) where fitted.selfInfluence(of: 0..<0) != nil:
      values = { BlockSelfInfluence(values: fitted.selfInfluence(of: $0) ?? []) }
    case (.score(let fitted), .selfInfluence):
      values = Self.parts(of: try fitted.selfInfluence { try kernel?.matrix ?? pass.kernel() })
    case (.score(let fitted), .squaredChange):
      values = Self.parts(of: try squaredChanges(fitted, pass: pass))
    case (.query(let fitted), .selfInfluence):
      if let given = try fitted.selfInfluence(pass: pass, memory: memory) {
        values = { BlockSelfInfluence(values: try given($0)) }
      } else {
        values = examplesAsQueries(fitted, pass: pass, memory: memory) {
          preconditioned, gradients in preconditioned.view.rowDots(with: gradients)
        }
      }
    case (.query(let fitted), .squaredChange):
      if let given = try fitted.squaredChanges(pass: pass) {
        values = { BlockSelfInfluence(values: try given($0)) }
      } else {
        values = examplesAsQueries(fitted, pass: pass, memory: memory) { preconditioned, _ in
          preconditioned.view.squaredRowNorms()
        }
      }
    }
    return { rows in
      let part = try values(rows)
      try checkFinite(part.values)
      return part
    }
  }

  private static func parts(of whole: BlockSelfInfluence) -> ExampleValues {
    { BlockSelfInfluence(values: Array(whole.values[$0]), warnings: whole.warnings) }
  }

  /// A number for each of some training examples, taken as queries on the query side.
  private func examplesAsQueries<Element: Scalar>(
    _ fitted: any QuerySideOperator, pass: GradientPass<Element>, memory: Int,
    _ values: @escaping (Matrix<Element>, MatrixView<Element>) -> [Double]
  ) -> ExampleValues {
    // An iteration by passes holds some ten matrices of the queries' size.
    let (n, d) = (context.exampleCount, context.width)
    let chunk = max(16, min(256, memory / max(1, 40 * n + 90 * d)))
    return { rows in
      var result = BlockSelfInfluence(values: [])
      result.values.reserveCapacity(rows.count)
      try pass.forEachChunk(of: chunk, rowOperations: 0, asQueries: true, in: rows) {
        _, gradients in
        let preconditioned = try fitted.precondition(gradients, pass: pass)
        result.values += values(preconditioned.rows, gradients)
        result.warnings += preconditioned.warnings
      }
      return result
    }
  }

  /// ‖M·gᵢ‖² of the n training examples on the score side: how far each moves the parameters.
  ///
  /// M·gᵢ = Gᵀa + βgᵢ, whose squared norm is aᵀKa + 2β·aᵀKᵢ + β²νᵢ.
  private func squaredChanges<Element: Scalar>(
    _ fitted: any ScoreSideOperator, pass: GradientPass<Element>
  ) throws -> BlockSelfInfluence {
    let kernel = try kernel?.matrix ?? pass.kernel()
    let norms = Array(context.squaredNorms)
    let solution = try fitted.solve(CrossProducts(kernel, squaredQueryNorms: norms))
    var values = norms.map { solution.beta * solution.beta * $0 }
    if let coefficients = solution.coefficients {
      let products = Matrix(product: coefficients.view, kernel.view)
      let squares = products.view.rowDots(with: coefficients.view)
      for row in norms.indices {
        values[row] += squares[row] + 2 * solution.beta * products[row, row]
      }
    }
    return BlockSelfInfluence(values: values, warnings: solution.warnings)
  }
}
