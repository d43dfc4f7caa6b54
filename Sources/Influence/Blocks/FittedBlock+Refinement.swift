import LinearAlgebra

/// Scores with a bound on their error that holds whatever rounding does (docs/methods.md derives it).
///
/// A method that aims at the exact scores is measured: its residual comes from passes in double
/// precision, and where it can solve again for what is left over, its answer is corrected. The bound of
/// a corrected answer needs no further measurement, because K and F are off by a known amount at most
/// and what they are multiplied with, the correction, is small. Every answer is corrected once, so that a
/// plan can say what that costs; where the bound is not near enough then, the answer is measured again.
extension FittedBlock {
  /// How often an answer is measured at most.
  static var mostRounds: Int { 4 }

  /// On the score side.
  func certifiedAnswer<Element: Scalar>(
    _ fitted: any ScoreSideOperator, _ solution: SpanSolution, _ cross: CrossProducts,
    _ kernel: MatrixView<Double>, to queries: Queries<Element>, aim: Aim?,
    pass: GradientPass<Element>
  ) throws -> Answer {
    let rounding = BlockRounding(context: context, products: .of(Element.self))
    let norms = queries.norms
    let residual = SpanResidual(of: solution, cross: cross, kernel: kernel, context: context)
    var error = AnswerError(
      residualNorms: residual.upperNorms(rounding, queryNorms: norms),
      rounding: rounding.ofScores(
        coefficients: solution.coefficients, beta: solution.beta, queryNorms: norms))
    for row in norms.indices {
      // The scores that were given, against those of x.
      error.rounding[row] += zip(solution.scores[row: row], residual.scores[row: row])
        .reduce(0) { max($0, abs($1.0 - $1.1)) }
    }
    var answer = Answer(scores: solution.scores, error: error, warnings: solution.warnings)
    // In double precision products are seldom the limit; in single precision they always are.
    if let aim, Element.self == Float.self || !isMet(aim, by: answer, norms) {
      answer = try measuredAnswer(
        fitted, solution, cross, kernel, to: queries, aim: aim, pass: pass.inDouble)
    }
    if let error = answer.error, solution.warnings.isEmpty {
      answer.warnings += warnings(of: error, aim: aim, queryNorms: norms)
    }
    return answer
  }

  /// Measures and corrects an answer on the score side.
  ///
  /// With x = Gᵀa + βv and t = Gx/n + λa the residual is r = Gᵀt + (λβ − 1)v. For β = 1/λ the exact
  /// answer has t = 0, and a − n(K + nλI)⁻¹t is nearer to it.
  private func measuredAnswer<Element: Scalar>(
    _ fitted: any ScoreSideOperator, _ solution: SpanSolution, _ cross: CrossProducts,
    _ kernel: MatrixView<Double>, to queries: Queries<Element>, aim: Aim,
    pass: GradientPass<Double>
  ) throws -> Answer {
    let (count, lambda, norms) = (Double(context.exampleCount), context.lambda, queries.norms)
    let fine = BlockRounding(context: context, products: .double)
    let coarse = BlockRounding(context: context, products: .of(Element.self))
    let vectors = Matrix<Double>(converting: queries.rows)
    // Without this β the answer is not one that t alone can be taken out of.
    var solution = solution
    solution.beta = 1 / lambda
    var best: Answer?
    var reached = Double.infinity
    for round in 0..<Self.mostRounds {
      var rows = vectors
      rows.scale(by: solution.beta)
      if let coefficients = solution.coefficients {
        try pass.addPullBack(coefficients, to: &rows)
      }
      let measured = try pass.products(rows.view)
      let residual = SpanResidual(
        scores: measured, solution: solution, cross: cross, kernel: kernel, context: context)
      let exact = fine.ofScores(
        coefficients: solution.coefficients, beta: solution.beta, queryNorms: norms)
      let answer = Answer(
        scores: measured,
        error: AnswerError(
          residualNorms: residual.upperNorms(coarse, queryNorms: norms), rounding: exact),
        warnings: solution.warnings)
      best = nearer(answer, than: best, aim, norms)
      let shortfall = shortfall(of: answer, aim, norms)
      // A second measurement says whether the first correction was enough, and whether another may help.
      if round > 0, shortfall <= 1 || !(shortfall < reached / 2) { break }
      reached = shortfall
      guard let correction = fitted.correction(of: residual.coefficients, queryNorms: norms)
      else { break }
      // δ = −n(K + nλI)⁻¹t, after which t is what K and its rounding leave of it.
      var change = correction
      change.scale(by: -count)
      var left = residual.coefficients
      left.add(product: change.view, kernel, scale: 1 / count)
      left.add(change, scale: lambda)
      var corrected = change
      if let coefficients = solution.coefficients { corrected.add(coefficients, scale: 1) }
      solution.coefficients = corrected
      solution.scores = corrected
      solution.scores.scale(by: -count * lambda)
      let moved = coarse.ofScores(
        coefficients: change, beta: 0, queryNorms: norms)
      let lefts = left.view.squaredRowNorms().map { $0.squareRoot() }
      let images = left.view.rowDots(with: Matrix(product: left.view, kernel).view)
      let weights = coarse.weights(of: left)
      var error = AnswerError(
        residualNorms: lefts, rounding: [Double](repeating: .infinity, count: norms.count))
      for row in norms.indices {
        // What measuring and K add to n‖t‖.
        let further = exact[row] + moved[row]
        error.direct[row] = (count * lefts[row] + further) * (1 + 1e-12)
        // ‖r‖ = ‖Gᵀt‖.
        let square = max(0, images[row]) + coarse.ofProducts * weights[row] * weights[row]
        error.residualNorms[row] =
          (square.squareRoot() + fine.norm * further / count) * (1 + 1e-12)
      }
      let better = Answer(scores: solution.scores, error: error, warnings: solution.warnings)
      best = nearer(better, than: best, aim, norms)
      if isMet(aim, by: better, norms) { break }
    }
    guard var best else { preconditionFailure("an answer is measured at least once") }
    best.error?.isMeasured = true
    return best
  }

  /// Whether every query is as near as the method means to come.
  func isMet(_ aim: Aim, by answer: some BoundedAnswer, _ queryNorms: [Double]) -> Bool {
    shortfall(of: answer, aim, queryNorms) <= 1
  }

  /// How many times larger than it should be the worst query's residual or bound is; at most 1 where the
  /// aim is met.
  func shortfall(
    of answer: some BoundedAnswer, _ aim: Aim, _ queryNorms: [Double]
  ) -> Double {
    guard let error = answer.error else { return .infinity }
    let factor = largestFactor
    return queryNorms.indices.reduce(0) { worst, row in
      let (found, allowed): (Double, Double)
      switch aim {
      case .residual(let tolerance):
        (found, allowed) = (error.residualNorms[row], tolerance * queryNorms[row])
      case .scores(let share):
        (found, allowed) = (
          error.bound(query: row, largestFactor: factor), share * answer.largestScore(ofQuery: row)
        )
      }
      if found == 0 { return worst }
      return found.isNaN ? .infinity : max(worst, found / allowed)
    }
  }

  /// The answer that comes nearer to what the method means to reach.
  func nearer<Given: BoundedAnswer>(
    _ answer: Given, than other: Given?, _ aim: Aim, _ queryNorms: [Double]
  ) -> Given {
    guard let other else { return answer }
    return shortfall(of: answer, aim, queryNorms) < shortfall(of: other, aim, queryNorms)
      ? answer : other
  }
}

/// Scores with the bound on their error.
protocol BoundedAnswer {
  var error: AnswerError? { get }
  /// The largest magnitude of a query's scores.
  func largestScore(ofQuery row: Int) -> Double
}

extension FittedBlock.Answer: BoundedAnswer {
  func largestScore(ofQuery row: Int) -> Double {
    scores[row: row].reduce(0) { max($0, abs($1)) }
  }
}
