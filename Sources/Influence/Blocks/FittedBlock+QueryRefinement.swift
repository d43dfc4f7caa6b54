import LinearAlgebra

extension FittedBlock {
  /// Scores of queries on the query side with a bound on their error: the scores themselves, or what gives them again
  /// some examples at a time.
  struct QueryAnswer<Element: Scalar>: BoundedAnswer {
    let source: QueryScoreSource<Element>
    let outline: ScoreOutline
    var error: AnswerError?

    func largestScore(ofQuery row: Int) -> Double { outline.largest[row] }
  }

  /// An answer with its bound, measured and corrected where the method aims at the exact scores.
  ///
  /// - Returns: The answer, and what to say of its residual.
  func certifiedAnswer<Element: Scalar>(
    _ fitted: any QuerySideOperator, _ preconditioned: Preconditioned<Element>,
    to queries: Queries<Element>, aim: Aim?, pass: GradientPass<Element>
  ) throws -> (answer: QueryAnswer<Element>, warnings: [String]) {
    var answer: QueryAnswer<Element>
    if let aim, Element.self == Float.self {
      answer = try measuredAnswer(fitted, preconditioned, to: queries, aim: aim, pass: pass)
    } else {
      answer = try plainAnswer(fitted, preconditioned, to: queries, pass: pass)
      if let aim, !isMet(aim, by: answer, queries.norms), case .scores = aim {
        answer = try measuredAnswer(fitted, preconditioned, to: queries, aim: aim, pass: pass)
      }
    }
    guard let error = answer.error, preconditioned.warnings.isEmpty else { return (answer, []) }
    return (answer, warnings(of: error, aim: aim, queryNorms: queries.norms))
  }

  /// S = X·Gᵀ with its residual, as the precision of products gives them.
  private func plainAnswer<Element: Scalar>(
    _ fitted: any QuerySideOperator, _ preconditioned: Preconditioned<Element>,
    to queries: Queries<Element>, pass: GradientPass<Element>
  ) throws -> QueryAnswer<Element> {
    let rounding = BlockRounding(context: context, products: .of(Element.self))
    let rows = preconditioned.rows
    let outline: ScoreOutline
    var source = QueryScoreSource<Element>.products(rows)
    var residuals: [Double]
    var comesFromFisher = false
    if let given = preconditioned.scores, let known = preconditioned.residualNorms {
      (outline, residuals) = (ScoreOutline(keeping: given, context), known)
    } else if let known = fitted.residualNorms(of: rows, for: queries.rows) {
      (outline, residuals) = (try source.outline(context, pass), known)
      comesFromFisher = true
    } else {
      // (F + λI)·x − v = Gᵀ·(G·x)/n + λx − v.
      var residual = Matrix(queries.rows, scaledBy: -1)
      residual.add(rows, scale: Element(context.lambda))
      outline = try pass.outline(ofProductsOf: rows, context, addingPullBackTo: &residual)
      source = .normalProducts(rows)
      residuals = residual.view.squaredRowNorms().map { $0.squareRoot() }
    }
    let lengths = rows.view.squaredRowNorms().map { $0.squareRoot() }
    let pulled = rounding.ofResiduals(
      weights: comesFromFisher ? nil : outline.weights, lengths: lengths,
      queryNorms: queries.norms)
    for row in residuals.indices { residuals[row] += pulled[row] }
    return QueryAnswer(
      source: source, outline: outline,
      error: AnswerError(
        residualNorms: residuals, rounding: rounding.ofProducts(withRowsOf: lengths)))
  }

  /// Measures and corrects an answer on the query side: s = Gx and r = (F + λI)x − v from one pass in double
  /// precision, x − (F + λI)⁻¹r, and the scores of that correction from a pass in the precision of products.
  private func measuredAnswer<Element: Scalar>(
    _ fitted: any QuerySideOperator, _ preconditioned: Preconditioned<Element>,
    to queries: Queries<Element>, aim: Aim, pass: GradientPass<Element>
  ) throws -> QueryAnswer<Element> {
    let (lambda, norms) = (context.lambda, queries.norms)
    let fine = BlockRounding(context: context, products: .double)
    let coarse = BlockRounding(context: context, products: .of(Element.self))
    let vectors = Matrix<Double>(converting: queries.rows)
    var rows = Matrix<Double>(converting: preconditioned.rows)
    var best: QueryAnswer<Element>?
    var reached = Double.infinity
    for round in 0..<Self.mostRounds {
      var residual = rows
      residual.scale(by: lambda)
      residual.add(vectors, scale: -1)
      let outline = try pass.inDouble.outline(
        ofProductsOf: rows, context, addingPullBackTo: &residual)
      let lengths = rows.view.squaredRowNorms().map { $0.squareRoot() }
      let pulled = fine.ofResiduals(
        weights: outline.weights, lengths: lengths, queryNorms: norms)
      let summed = fine.ofProducts(withRowsOf: lengths)
      let measured = residual.view.squaredRowNorms().map { $0.squareRoot() }
      let answer = QueryAnswer<Element>(
        source: .measured(rows, correction: nil), outline: outline,
        error: AnswerError(
          residualNorms: zip(measured, pulled).map { ($0 + $1) * (1 + 1e-12) },
          rounding: summed))
      best = nearer(answer, than: best, aim, norms)
      let shortfall = shortfall(of: answer, aim, norms)
      // A second measurement says whether the first correction was enough, and whether another may help.
      if round > 0, shortfall <= 1 || !(shortfall < reached / 2) { break }
      reached = shortfall
      guard let solved = fitted.correction(ofResiduals: residual, queryNorms: norms)
      else { break }
      // In the precision of products, so that the scores of the change are those of the numbers added.
      let change = Matrix<Element>(converting: solved)
      let moved = Matrix<Double>(converting: change)
      guard let image = fitted.image(of: moved) else { break }
      let source = QueryScoreSource.measured(rows, correction: change)
      rows.add(moved, scale: -1)
      residual.add(image, scale: -1)
      residual.add(moved, scale: -lambda)
      let lefts = residual.view.squaredRowNorms().map { $0.squareRoot() }
      let steps = moved.view.squaredRowNorms().map { $0.squareRoot() }
      let stepRounding = coarse.ofProducts(withRowsOf: steps)
      let fisherRounding = coarse.ofFisher(withRowsOf: steps)
      let better = QueryAnswer<Element>(
        source: source, outline: try source.outline(context, pass, measured: outline.values),
        error: AnswerError(
          residualNorms: norms.indices.map {
            (lefts[$0] + pulled[$0] + fisherRounding[$0]) * (1 + 1e-12)
          },
          rounding: norms.indices.map { summed[$0] + stepRounding[$0] }))
      best = nearer(better, than: best, aim, norms)
      if isMet(aim, by: better, norms) { break }
    }
    guard var best else { preconditionFailure("an answer is measured at least once") }
    best.error?.isMeasured = true
    return best
  }
}
