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

  /// Makes the estimator.
  ///
  /// - Parameter tolerance: The relative residual to reach in blocks whose K and F are both too large
  ///   for the memory; others are factorised, and solved as far as double precision goes.
  public init(tolerance: Double = 1e-3) { self.tolerance = tolerance }

  /// `exact`.
  public static let name = "exact"
  /// What the method is, in one line.
  public static let summary = "damped empirical Fisher"
  /// The tolerance, which is recorded where it is not the default.
  public static let declaredSettings: [MethodSetting<ExactFisher>] = [
    .number(
      "tolerance", \.tolerance, .betweenZeroAndOne, usage: "tolerance=E where by passes",
      unrecorded: 1e-3)
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
  public var scoreSide: (any ScoreSideFit)? { ScoreSide() }
  /// The Cholesky factor of F + λI.
  public var querySide: (any QuerySideFit)? { QuerySide() }
  /// The eigenvectors of K or F.
  public var sweep: (any SweepFit)? { ExactSweep() }

  private struct ScoreSide: ScoreSideFit {
    var needs: Set<Need> { [.choleskyFactor] }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      .solving(queries: queries, order: block.exampleCount)
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, precision: Element.Type
    ) throws -> any ScoreSideOperator {
      ExactOnScores(context: gram.context, factor: try gram.dampedFactor(for: ExactFisher.name))
    }
  }

  private struct QuerySide: QuerySideFit {
    var needs: Set<Need> { [.choleskyFactor] }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      .solving(queries: queries, order: block.width)
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      ExactOnQueries(gram: gram, factor: try gram.dampedFactor(for: ExactFisher.name))
    }
  }
}

/// S = n·C·(K + nλI)⁻¹, and a = −S/(nλ), β = 1/λ.
private struct ExactOnScores: ScoreSideOperator {
  let context: BlockContext
  let factor: Cholesky<Double>

  func solve(_ cross: CrossProducts) -> SpanSolution {
    let lambda = context.lambda
    var scores = cross.matrix(as: Double.self)
    factor.solve(rows: &scores)
    var coefficients = scores
    scores.scale(by: Double(context.exampleCount))
    // Without damping there is no β·v to which a sum over the span is added.
    guard lambda > 0 else { return SpanSolution(scores: scores, coefficients: nil, beta: 0) }
    coefficients.scale(by: -1 / lambda)
    return SpanSolution(scores: scores, coefficients: coefficients, beta: 1 / lambda)
  }

  /// diag(n·K·(K + nλI)⁻¹) = n·(1 − nλ·diag((K + nλI)⁻¹)).
  func selfInfluence(kernel: () throws -> Matrix<Double>) throws -> BlockSelfInfluence {
    let n = Double(context.exampleCount)
    let ridge = n * context.lambda
    let leverages = try factor.inverseDiagonal().map { 1 - ridge * $0 }
    // Under a heavy damping the leverages are tiny differences of numbers near one; then the product
    // itself is formed, at six times the cost.
    guard (leverages.min() ?? 0) < 1e-4 else {
      return BlockSelfInfluence(values: leverages.map { n * $0 })
    }
    return BlockSelfInfluence(
      values: factor.solution(rows: try kernel()).diagonal.map { n * $0 })
  }
}

/// X = V·(F + λI)⁻¹.
private struct ExactOnQueries: QuerySideOperator {
  let gram: BlockGram
  let factor: Cholesky<Double>

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) -> Preconditioned<Element> {
    var rows = Matrix<Double>(converting: queries)
    factor.solve(rows: &rows)
    return Preconditioned(rows: Matrix<Element>(converting: rows))
  }

  func residualNorms<Element: Scalar>(
    of preconditioned: Matrix<Element>, for queries: MatrixView<Element>
  ) -> [Double]? { gram.residualNorms(of: preconditioned, for: queries) }
}
