import LinearAlgebra

/// The damped empirical Fisher matrix itself: M = (F + λI)⁻¹.
///
///     S = n·C·(K + nλI)⁻¹        n ≤ d, by the Cholesky factor of K + nλI
///     X = V·(F + λI)⁻¹           d < n, by the Cholesky factor of F + λI
///
/// The first is the kernel form of ridge regression (Woodbury): no d × d matrix is ever made. This is
/// what the other methods approximate.
///
/// - Cost: score side n²d + n³/3 once, then 2mnd + 2mn²; query side nd² + d³/3 once, then
///   2md² + 2mnd. Where neither K nor F fits in memory: ``PreconditionedConjugateGradient``.
public struct ExactFisher: Estimator {
  /// The relative residual to reach in blocks that are solved by passes, in 0 ..< 1.
  public var tolerance: Double
  /// How far scores may be from the exact ones, as a share of the query's largest: where certificates
  /// are asked for, solutions are corrected until their bound is within it.
  public var accuracy: Double

  /// Makes the estimator.
  ///
  /// - Parameters:
  ///   - tolerance: The relative residual to reach in blocks whose K and F are both too large
  ///     for the memory; others are factorised, and corrected as ``accuracy`` says.
  ///   - accuracy: The error to stay within, as a share of a query's largest score, in 0 ..< 1.
  public init(tolerance: Double = 1e-3, accuracy: Double = 1e-5) {
    self.tolerance = tolerance
    self.accuracy = accuracy
  }

  /// `exact`.
  public static let name = "exact"
  /// What the method is, in one line.
  public static let summary = "damped empirical Fisher"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "M = (F + λI)⁻¹", "S = n·C·(K + nλI)⁻¹ on the score side",
    source:
      "the damped empirical Fisher matrix, by its Cholesky factor (Woodbury on the score side)",
    cost:
      "score side n²d + n³/3 once, then 2mnd + 2mn²; query side nd² + d³/3 once, then 2md² + 2mnd",
    remark: "What the other methods approximate.")
  /// The tolerance and the accuracy, which are recorded where they are not the defaults.
  public static let declaredSettings: [MethodSetting<ExactFisher>] = [
    .number(
      "tolerance", \.tolerance, .betweenZeroAndOne, usage: "tolerance=E where by passes",
      unrecorded: 1e-3),
    .number(
      "accuracy", \.accuracy, .betweenZeroAndOne, usage: "accuracy=E", unrecorded: 1e-5),
  ]

  /// Makes the estimator with a tolerance of 1e-3.
  public init() { self.init(tolerance: 1e-3) }

  /// Block conjugate gradients.
  public var withoutMatrices: (any Estimator)? {
    PreconditionedConjugateGradient(tolerance: tolerance)
  }
  /// True: where no block has more columns than there are examples, F may have an inverse.
  public var allowsZeroDamping: Bool { true }

  /// The Cholesky factor of K + nλI.
  public var scoreSide: (any ScoreSideFit)? { ScoreSide(accuracy: accuracy) }
  /// The Cholesky factor of F + λI.
  public var querySide: (any QuerySideFit)? { QuerySide(accuracy: accuracy) }
  /// The eigenvectors of K or F.
  public var sweep: (any SweepFit)? { ExactSweep() }

  private struct ScoreSide: ScoreSideFit {
    let accuracy: Double
    var needs: Set<Need> { [.choleskyFactor] }
    var solvesInSingle: Bool { true }
    var aim: Aim? { .scores(accuracy) }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      .solving(queries: queries, order: block.exampleCount)
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, precision: Element.Type
    ) throws -> any ScoreSideOperator {
      ExactOnScores(context: gram.context, solver: try gram.dampedSolver(for: ExactFisher.name))
    }
  }

  private struct QuerySide: QuerySideFit {
    let accuracy: Double
    var needs: Set<Need> { [.choleskyFactor] }
    var solvesInSingle: Bool { true }
    var worksByExamples: Bool { true }
    var aim: Aim? { .scores(accuracy) }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      .solving(queries: queries, order: block.width)
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      ExactOnQueries(gram: gram, solver: try gram.dampedSolver(for: ExactFisher.name))
    }
  }
}

/// S = n·C·(K + nλI)⁻¹, and a = −S/(nλ), β = 1/λ.
private struct ExactOnScores: ScoreSideOperator {
  let context: BlockContext
  let solver: DampedSolver

  func solve(_ cross: CrossProducts) -> SpanSolution {
    let lambda = context.lambda
    var scores = solver.solution(of: cross)
    var coefficients = scores
    scores.scale(by: Double(context.exampleCount))
    // Without damping there is no β·v to which a sum over the span is added.
    guard lambda > 0 else { return SpanSolution(scores: scores, coefficients: nil, beta: 0) }
    coefficients.scale(by: -1 / lambda)
    return SpanSolution(scores: scores, coefficients: coefficients, beta: 1 / lambda)
  }

  func correction(of remainders: Matrix<Double>, queryNorms: [Double]) -> Matrix<Double>? {
    solver.solution(of: remainders)
  }

  /// diag(n·K·(K + nλI)⁻¹) = n·(1 − nλ·diag((K + nλI)⁻¹)).
  func selfInfluence(kernel: () throws -> Matrix<Double>) throws -> BlockSelfInfluence {
    let n = Double(context.exampleCount)
    let ridge = n * context.lambda
    let factor = try doubleFactor(kernel)
    let leverages = try factor.inverseDiagonal().map { 1 - ridge * $0 }
    // Under a heavy damping the leverages are tiny differences of numbers near one; then the product
    // itself is formed, at six times the cost.
    guard (leverages.min() ?? 0) < 1e-4 else {
      return BlockSelfInfluence(values: leverages.map { n * $0 })
    }
    return BlockSelfInfluence(
      values: factor.solution(rows: try kernel()).diagonal.map { n * $0 })
  }

  /// The factor in double precision, whose diagonal of the inverse is a small difference from 1.
  private func doubleFactor(_ kernel: () throws -> Matrix<Double>) throws -> Cholesky<Double> {
    if case .double(let factor) = solver { return factor }
    var shifted = try kernel()
    shifted.addToDiagonal(Double(context.exampleCount) * context.lambda)
    do throws(FactorizationError) {
      return try Cholesky(factoring: shifted)
    } catch {
      throw InfluenceError.factorization(
        block: context.name, method: ExactFisher.name, error)
    }
  }
}

/// X = V·(F + λI)⁻¹.
private struct ExactOnQueries: QuerySideOperator {
  let gram: BlockGram
  let solver: DampedSolver

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) -> Preconditioned<Element> {
    Preconditioned(rows: solver.solution(ofQueries: queries))
  }

  func residualNorms<Element: Scalar>(
    of preconditioned: Matrix<Element>, for queries: MatrixView<Element>
  ) -> [Double]? { gram.residualNorms(of: preconditioned, for: queries) }

  func correction(ofResiduals residuals: Matrix<Double>, queryNorms: [Double]) -> Matrix<Double>? {
    solver.solution(of: residuals)
  }

  func image(of rows: Matrix<Double>) -> Matrix<Double>? {
    Matrix(product: rows.view, gram.view)
  }
}
