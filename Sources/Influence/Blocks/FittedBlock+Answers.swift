import Gradients
import LinearAlgebra

extension FittedBlock {
  /// What one estimator says of a set of queries in this block.
  struct Answer: Sendable {
    /// S, `m × n`.
    var scores: Matrix<Double>
    /// How far the scores can be from the exact ones, if asked for and known.
    var error: AnswerError?
    var convergence: [BlockConvergence] = []
    var warnings: [String]
    /// vᵀ·M·v per query, of methods whose scores are divided by its root.
    var ownProducts: [Double] = []
  }

  /// A set of queries in this block.
  struct Queries<Element: Scalar> {
    /// V, `m × d`.
    let rows: MatrixView<Element>
    /// ‖v‖² per query.
    let squaredNorms: [Double]
    /// The same rows as factors, where their store keeps them so.
    var factors: FactorRows<Element>?
    /// ‖v‖ per query.
    var norms: [Double] { squaredNorms.map { $0.squareRoot() } }

    /// C = V·Gᵀ, from factors where these are there and cheaper.
    func products(by pass: GradientPass<Element>) throws -> Matrix<Element> {
      guard let factors, var products = try pass.products(of: factors, with: 0..<pass.store.count)
      else { return try pass.products(rows) }
      try pass.reduction.gather(columnsOf: &products)
      return products
    }
  }

  /// All estimators' answers for a set of queries.
  ///
  /// - Parameters:
  ///   - queries: V, `m × d`.
  ///   - squaredNorms: ‖v‖² per query.
  ///   - factors: The same rows as factors, where their store keeps them so.
  ///   - pass: Products with the training gradients.
  ///   - certifies: Whether error bounds are wanted, and exact scores as near as they aim to be.
  func answers<Element: Scalar>(
    to queries: MatrixView<Element>, squaredNorms: [Double],
    factors: FactorRows<Element>? = nil, pass: GradientPass<Element>, certifies: Bool
  ) throws -> [Answer] {
    let queries = Queries(rows: queries, squaredNorms: squaredNorms, factors: factors)
    try checkRange(of: queries)
    var answers = [Answer?](repeating: nil, count: operators.count)
    var cross: Matrix<Element>?
    // The query side first: DataInf's pass leaves C behind for the others.
    for (index, fitted) in operators.enumerated() {
      guard case .query(let fitted) = fitted else { continue }
      let preconditioned = try fitted.precondition(queries.rows, pass: pass)
      cross = cross ?? preconditioned.crossProducts
      guard isCertified(index, certifies) else {
        answers[index] = Answer(
          scores: Matrix<Double>(
            converting: try preconditioned.scores ?? pass.products(preconditioned.rows.view)),
          convergence: preconditioned.convergence, warnings: preconditioned.warnings)
        if needs.normalizations[index] == .bothSelfInfluences {
          answers[index]?.ownProducts = preconditioned.rows.view.rowDots(with: queries.rows)
        }
        continue
      }
      let (answer, warnings) = try certifiedAnswer(
        fitted, preconditioned, to: queries, aim: needs.aim(of: index), pass: pass)
      guard let scores = answer.outline.values else { preconditionFailure("scores were kept") }
      answers[index] = Answer(
        scores: scores, error: answer.error, convergence: preconditioned.convergence,
        warnings: preconditioned.warnings + warnings)
    }
    for (index, fitted) in operators.enumerated() {
      guard case .score(let fitted) = fitted else { continue }
      let matrix = try cross ?? queries.products(by: pass)
      cross = matrix
      let products = CrossProducts(matrix, squaredQueryNorms: squaredNorms)
      let solution = try fitted.solve(products)
      if isCertified(index, certifies), let kernel {
        answers[index] = try certifiedAnswer(
          fitted, solution, products, kernel.view, to: queries, aim: needs.aim(of: index),
          pass: pass)
      } else {
        answers[index] = Answer(scores: solution.scores, warnings: solution.warnings)
        if needs.normalizations[index] == .bothSelfInfluences {
          // x = Gᵀa + βv, whose product with v is a·c + β‖v‖².
          let dots =
            solution.coefficients?.view.rowDots(with: Matrix<Double>(converting: matrix).view)
            ?? squaredNorms.map { _ in 0 }
          answers[index]?.ownProducts = zip(dots, squaredNorms).map { $0 + solution.beta * $1 }
        }
      }
    }
    let given = answers.compactMap { $0 }
    for answer in given { try checkFinite(answer.scores.elements) }
    return given
  }

  /// Refuses queries whose products with the training gradients underflow: scores would be rounding, or zero.
  func checkRange<Element: Scalar>(of queries: Queries<Element>) throws(InfluenceError) {
    let rounding = BlockRounding(context: context, products: .of(Element.self))
    let longest = context.squaredNorms.max()?.squareRoot() ?? 0
    let isLost = queries.norms.contains { $0 > 0 && $0 * longest < 1e3 * rounding.underflow }
    guard !isLost else { throw .outOfRange(block: context.name) }
  }

  /// Whether an estimator's scores are held against the exact ones: not if they are divided afterwards.
  func isCertified(_ index: Int, _ certifies: Bool) -> Bool {
    certifies && needs.normalizations[index] == .none
  }

  /// The largest bᵢ of the block.
  var largestFactor: Double {
    context.squaredNorms.reduce(0) { max($0, Certificate.exampleFactor(of: context, $1)) }
  }

  /// What to say of a residual that stays above what was asked for; empty where none does.
  func warnings(
    of error: AnswerError, aim: Aim?, queryNorms: [Double]
  ) -> [String] {
    guard case .residual(let tolerance)? = aim, tolerance > 0 else { return [] }
    let shares = zip(error.residualNorms, queryNorms).map { $1 > 0 ? $0 / $1 : 0 }
    let short = shares.filter { !($0 <= tolerance) }
    guard let worst = short.max() else { return [] }
    return [
      "block \(context.name): the residual of \(short.count) of \(shares.count) queries is above the tolerance of \(tolerance), \(worst) of the query at worst; raise the tolerance or the damping, allow more steps, or use double precision"
    ]
  }
}
