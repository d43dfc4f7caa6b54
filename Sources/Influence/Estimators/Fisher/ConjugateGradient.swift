import LinearAlgebra

/// Conjugate gradients on (F + λI)·x = v, for all queries of a block together.
///
/// Hestenes and Stiefel (1952), started from x = v/λ: then every residual lies in the range of Gᵀ,
/// r = Gᵀa, the part of v that no training gradient touches is solved from the outset, and the whole
/// iteration runs on C and K:
///
///     x = v/λ + Gᵀa,   S = C/λ + a·K,   r₀ = −Gᵀc/(nλ),   ⟨r, r⟩ = aᵀKa
///
/// Stops at ‖(F + λI)x − v‖ ≤ tolerance · ‖v‖, and reports queries that did not get there.
///
/// - Cost: score side n²d once, then 2mnd + 2mn² a step; query side nd² once, then 2md² a step.
public struct ConjugateGradient: Estimator {
  /// The relative residual to reach.
  public var tolerance: Double
  /// The most steps to take.
  public var maximumSteps: Int

  /// Makes the estimator.
  ///
  /// - Parameters:
  ///   - tolerance: The relative residual to reach, in 0 ..< 1; 0 runs all the steps.
  ///   - maximumSteps: The most steps to take.
  public init(tolerance: Double = 1e-6, maximumSteps: Int = 1000) {
    self.tolerance = tolerance
    self.maximumSteps = maximumSteps
  }

  /// `cg`.
  public static let name = "cg"
  /// What the method is, in one line.
  public static let summary = "conjugate gradients"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "(F + λI)·x = v by conjugate gradients from x = v/λ",
    source: "Hestenes and Stiefel (1952)",
    cost: "score side n²d once, then 2mnd + 2mn² a step; query side nd² once, then 2md² a step",
    remark: "Queries that miss the tolerance are named.")
  /// Tolerance and steps.
  public static let declaredSettings: [MethodSetting<ConjugateGradient>] = [
    .number("tolerance", \.tolerance, .fromZeroBelowOne, usage: "tolerance=E"),
    .integer("steps", \.maximumSteps, .positive, usage: "steps=N"),
  ]

  /// Makes the estimator with a tolerance of 1e-6 and at most 1000 steps.
  public init() { self.init(tolerance: 1e-6) }

  /// K itself.
  public var scoreSide: (any ScoreSideFit)? { ScoreSide(estimator: self) }
  /// F itself.
  public var querySide: (any QuerySideFit)? { QuerySide(estimator: self) }

  /// The work of all steps on a matrix, of which there are at most as many as the tolerance, the
  /// eigenvalues and the setting allow.
  private func work(queries: Int, _ block: BlockShape, order: Int) -> Work {
    let steps = max(
      1,
      min(
        maximumSteps, block.exampleCount, block.width,
        OperationCount.conjugateSteps(d: block.width, tolerance: tolerance)))
    return .solving(queries: queries, order: order, products: steps, readings: steps)
  }

  /// The tolerance; a given number of steps aims at nothing.
  private var aim: Aim? { tolerance > 0 ? .residual(tolerance) : nil }

  private struct ScoreSide: ScoreSideFit {
    let estimator: ConjugateGradient
    var needs: Set<Need> { [.gramMatrix] }
    var aim: Aim? { estimator.aim }
    var measuresWithKernel: Bool { true }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      estimator.work(queries: queries, block, order: block.exampleCount)
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, precision: Element.Type
    ) throws -> any ScoreSideOperator {
      try estimator.validateSettings()
      return ConjugateGradientOnScores(estimator: estimator, gram: gram)
    }
  }

  private struct QuerySide: QuerySideFit {
    let estimator: ConjugateGradient
    var needs: Set<Need> { [.gramMatrix] }
    var worksByExamples: Bool { true }
    var aim: Aim? { estimator.aim }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      estimator.work(queries: queries, block, order: block.width)
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      try estimator.validateSettings()
      return ConjugateGradientOnQueries(estimator: estimator, gram: gram)
    }
  }
}

/// The iteration in the coordinates a, where K is the metric.
private struct ConjugateGradientOnScores: ScoreSideOperator {
  let estimator: ConjugateGradient
  let gram: BlockGram

  func solve(_ cross: CrossProducts) -> SpanSolution {
    let products = cross.matrix(as: Double.self)
    let context = gram.context
    let lambda = context.lambda
    let n = Double(context.exampleCount)
    var start = products
    start.scale(by: -1 / (n * lambda))
    let result = iterate(
      from: start,
      tolerances: cross.squaredQueryNorms.map { estimator.tolerance * $0.squareRoot() })
    var scores = Matrix(product: result.solution.view, gram.view)
    scores.add(products, scale: 1 / lambda)
    return SpanSolution(
      scores: scores, coefficients: result.solution, beta: 1 / lambda,
      warnings: result.warnings(block: context.name, steps: estimator.maximumSteps))
  }

  /// Solves for a residual Gᵀt, given as its coefficients.
  private func iterate(
    from start: Matrix<Double>, tolerances: [Double]
  ) -> ConjugateGradientSolver.Result {
    let (n, lambda, kernel) = (Double(gram.context.exampleCount), gram.context.lambda, gram.view)
    return ConjugateGradientSolver(tolerances: tolerances, maximumSteps: estimator.maximumSteps)
      .solve(
        residual: start, metric: { Matrix(product: $0.view, kernel) },
        image: { directions, metric in
          var image = metric
          image.scale(by: 1 / n)
          image.add(directions, scale: lambda)
          return image
        })
  }

  /// The same iteration, where it reaches its tolerance.
  func correction(of remainders: Matrix<Double>, queryNorms: [Double]) -> Matrix<Double>? {
    let result = iterate(
      from: remainders, tolerances: queryNorms.map { estimator.tolerance / 4 * $0 })
    guard result.warnings(block: gram.context.name, steps: estimator.maximumSteps).isEmpty else {
      return nil
    }
    var correction = result.solution
    correction.scale(by: 1 / Double(gram.context.exampleCount))
    return correction
  }

  /// The diagonal of the scores of the training examples themselves, whose products are K.
  func selfInfluence(kernel: () throws -> Matrix<Double>) throws -> BlockSelfInfluence {
    let solution = solve(
      CrossProducts(try kernel(), squaredQueryNorms: Array(gram.context.squaredNorms)))
    return BlockSelfInfluence(values: solution.scores.diagonal, warnings: solution.warnings)
  }
}

/// The iteration in the d parameters, with F as a matrix.
private struct ConjugateGradientOnQueries: QuerySideOperator {
  let estimator: ConjugateGradient
  let gram: BlockGram

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) -> Preconditioned<Element> {
    let lambda = gram.context.lambda
    let fisher = gram.view
    let right = Matrix<Double>(converting: queries)
    // r₀ = v − (F + λI)·v/λ = −F·v/λ.
    var start = Matrix(product: right.view, fisher)
    start.scale(by: -1 / lambda)
    let result = iterate(
      from: start,
      tolerances: right.view.squaredRowNorms().map { estimator.tolerance * $0.squareRoot() })
    var rows = result.solution
    rows.add(right, scale: 1 / lambda)
    return Preconditioned(
      rows: Matrix<Element>(converting: rows),
      warnings: result.warnings(
        block: gram.context.name, steps: estimator.maximumSteps))
  }

  func residualNorms<Element: Scalar>(
    of preconditioned: Matrix<Element>, for queries: MatrixView<Element>
  ) -> [Double]? { gram.residualNorms(of: preconditioned, for: queries) }

  private func iterate(
    from start: Matrix<Double>, tolerances: [Double]
  ) -> ConjugateGradientSolver.Result {
    let (lambda, fisher) = (gram.context.lambda, gram.view)
    return ConjugateGradientSolver(tolerances: tolerances, maximumSteps: estimator.maximumSteps)
      .solve(
        residual: start, metric: { $0 },
        image: { directions, _ in
          var image = Matrix(product: directions.view, fisher)
          image.add(directions, scale: lambda)
          return image
        })
  }

  /// The same iteration, where it reaches its tolerance.
  func correction(ofResiduals residuals: Matrix<Double>, queryNorms: [Double]) -> Matrix<Double>? {
    let result = iterate(
      from: residuals, tolerances: queryNorms.map { estimator.tolerance / 4 * $0 })
    let warnings = result.warnings(block: gram.context.name, steps: estimator.maximumSteps)
    return warnings.isEmpty ? result.solution : nil
  }

  func image(of rows: Matrix<Double>) -> Matrix<Double>? {
    Matrix(product: rows.view, gram.view)
  }
}
