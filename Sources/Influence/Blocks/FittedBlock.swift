import Gradients
import LinearAlgebra

/// The estimators fitted to one block.
struct FittedBlock: Sendable {
  enum Operator: Sendable {
    case score(any ScoreSideOperator)
    case query(any QuerySideOperator)
  }

  let plan: BlockPlan
  let operators: [Operator]
  /// K, kept for certificates.
  let kernel: BlockGram?

  /// Fits a block to gradients.
  init<Element: Scalar>(
    _ plan: BlockPlan, _ training: GradientStore,
    _ options: CurvatureOptions, monitor: PassMonitor?, precision: Element.Type
  ) throws {
    let grams = try BlockGrams(plan, training, monitor: monitor, precision: Element.self)
    try self.init(
      plan, grams, certifies: options.certifies,
      pass: GradientPass<Element>(
        store: training, block: plan.context.index, monitor: monitor))
  }

  /// Fits a block to its Gram matrices, or to what was computed from them before.
  init<Element: Scalar>(
    _ plan: BlockPlan, _ grams: BlockGrams, certifies: Bool, pass: GradientPass<Element>
  ) throws {
    self.plan = plan
    guard !plan.context.isDead else {
      operators = []
      kernel = nil
      return
    }
    // The query side multiplies by λ and by 1/λ in the precision of products.
    let lambda = Element(plan.context.lambda)
    guard
      !plan.choices.contains(where: { $0.side == .query })
        || plan.context.lambda == 0 || (lambda.isNormal && (1 / lambda).isNormal)
    else { throw InfluenceError.outOfRange(block: plan.context.name) }
    operators = try zip(plan.demand.estimators, plan.choices).map { estimator, choice in
      switch choice.side {
      case .score: .score(try estimator.scoreSide(grams.score, precision: Element.self))
      case .query: .query(try estimator.querySide(grams.query, pass: pass))
      }
    }
    kernel = certifies && grams.score.parts.matrix != nil ? grams.score : nil
  }

  /// What one estimator says of a set of queries in this block.
  struct Answer: Sendable {
    /// S, `m × n`.
    var scores: Matrix<Double>
    /// ‖r‖ per query, if asked for.
    var residualNorms: [Double]?
    var convergence: [BlockConvergence] = []
    var warnings: [String]
  }

  /// All estimators' answers for a set of queries.
  ///
  /// - Parameters:
  ///   - queries: V, `m × d`.
  ///   - squaredNorms: ‖v‖² per query.
  ///   - pass: Products with the training gradients.
  ///   - certifies: Whether residuals are wanted.
  func answers<Element: Scalar>(
    to queries: MatrixView<Element>, squaredNorms: [Double], pass: GradientPass<Element>,
    certifies: Bool
  ) throws -> [Answer] {
    var answers = [Answer?](repeating: nil, count: operators.count)
    var cross: Matrix<Element>?
    // The query side first: DataInf's pass leaves C behind for the others.
    for (index, fitted) in operators.enumerated() {
      guard case .query(let fitted) = fitted else { continue }
      let preconditioned = try fitted.precondition(queries, pass: pass)
      cross = cross ?? preconditioned.crossProducts
      answers[index] = try answer(
        fitted, preconditioned, to: queries, pass: pass, certifies: certifies)
    }
    for (index, fitted) in operators.enumerated() {
      guard case .score(let fitted) = fitted else { continue }
      let matrix = try cross ?? pass.products(queries)
      cross = matrix
      let products = CrossProducts(matrix, squaredQueryNorms: squaredNorms)
      let solution = try fitted.solve(products)
      var residuals: [Double]?
      if certifies, let kernel {
        residuals = Certificate.residualNorms(
          of: solution, cross: products, kernel: kernel.view, context: plan.context)
      }
      answers[index] = Answer(
        scores: solution.scores, residualNorms: residuals, warnings: solution.warnings)
    }
    let given = answers.compactMap { $0 }
    for answer in given { try checkFinite(answer.scores.elements) }
    return given
  }

  /// Refuses results that are NaN or infinite: the gradients were finite, so products overflowed.
  private func checkFinite(_ numbers: [Double]) throws(InfluenceError) {
    guard numbers.allSatisfy(\.isFinite) else { throw .outOfRange(block: plan.context.name) }
  }

  /// S = X·Gᵀ, and the residual: from F where the operator has it, or from the same pass.
  private func answer<Element: Scalar>(
    _ fitted: any QuerySideOperator, _ preconditioned: Preconditioned<Element>,
    to queries: MatrixView<Element>, pass: GradientPass<Element>, certifies: Bool
  ) throws -> Answer {
    let rows = preconditioned.rows
    if let scores = preconditioned.scores {
      return Answer(
        scores: Matrix<Double>(converting: scores),
        residualNorms: certifies ? preconditioned.residualNorms : nil,
        convergence: preconditioned.convergence, warnings: preconditioned.warnings)
    }
    let known = certifies ? fitted.residualNorms(of: rows, for: queries) : nil
    guard certifies, known == nil else {
      return Answer(
        scores: Matrix<Double>(converting: try pass.products(rows.view)), residualNorms: known,
        warnings: preconditioned.warnings)
    }
    // (F + λI)·x − v = Gᵀ·(G·x)/n + λx − v.
    var residual = Matrix(queries, scaledBy: -1)
    residual.add(rows, scale: Element(plan.context.lambda))
    let count = plan.context.exampleCount
    let scores = try pass.normalProducts(
      rows.view, weights: [Double](repeating: 1, count: count), scale: 1 / Double(count),
      addingTo: &residual)
    return Answer(
      scores: Matrix<Double>(converting: scores),
      residualNorms: residual.view.squaredRowNorms().map { $0.squareRoot() },
      warnings: preconditioned.warnings)
  }

  /// The self-influence of the n training examples under one estimator.
  func selfInfluence<Element: Scalar>(
    ofEstimator index: Int, pass: GradientPass<Element>, memory: Int
  ) throws -> BlockSelfInfluence {
    let influence = try uncheckedSelfInfluence(ofEstimator: index, pass: pass, memory: memory)
    try checkFinite(influence.values)
    return influence
  }

  private func uncheckedSelfInfluence<Element: Scalar>(
    ofEstimator index: Int, pass: GradientPass<Element>, memory: Int
  ) throws -> BlockSelfInfluence {
    switch operators[index] {
    case .score(let fitted):
      return try fitted.selfInfluence { try kernel?.matrix ?? pass.kernel() }
    case .query(let fitted):
      if let influence = try fitted.selfInfluence(pass: pass, memory: memory) { return influence }
      // Examples as queries: an iteration by passes holds some ten matrices of their size.
      let (n, d) = (plan.context.exampleCount, plan.context.width)
      let chunk = max(16, min(256, memory / max(1, 40 * n + 90 * d)))
      var influence = BlockSelfInfluence(values: [])
      influence.values.reserveCapacity(plan.context.exampleCount)
      try pass.forEachChunk(of: chunk, rowOperations: 0) { _, gradients in
        let preconditioned = try fitted.precondition(gradients, pass: pass)
        influence.values += preconditioned.rows.view.rowDots(with: gradients)
        influence.warnings += preconditioned.warnings
      }
      return influence
    }
  }

  /// ‖M·gᵢ‖² of the n training examples under one estimator: how far each moves the parameters.
  ///
  /// On the score side M·gᵢ = Gᵀa + βgᵢ, whose squared norm is aᵀKa + 2β·aᵀKᵢ + β²νᵢ.
  func squaredChanges<Element: Scalar>(
    ofEstimator index: Int, pass: GradientPass<Element>, memory: Int
  ) throws -> BlockSelfInfluence {
    var changes = BlockSelfInfluence(values: [], warnings: [])
    switch operators[index] {
    case .score(let fitted):
      let kernel = try kernel?.matrix ?? pass.kernel()
      let norms = plan.context.squaredNorms
      let solution = try fitted.solve(CrossProducts(kernel, squaredQueryNorms: norms))
      changes.values = norms.map { solution.beta * solution.beta * $0 }
      if let coefficients = solution.coefficients {
        let products = Matrix(product: coefficients.view, kernel.view)
        let squares = products.view.rowDots(with: coefficients.view)
        for row in norms.indices {
          changes.values[row] += squares[row] + 2 * solution.beta * products[row, row]
        }
      }
      changes.warnings = solution.warnings
    case .query(let fitted):
      let (n, d) = (plan.context.exampleCount, plan.context.width)
      let chunk = max(16, min(256, memory / max(1, 40 * n + 90 * d)))
      try pass.forEachChunk(of: chunk, rowOperations: 0) { _, gradients in
        let preconditioned = try fitted.precondition(gradients, pass: pass)
        changes.values += preconditioned.rows.view.squaredRowNorms()
        changes.warnings += preconditioned.warnings
      }
    }
    try checkFinite(changes.values)
    return changes
  }
}
