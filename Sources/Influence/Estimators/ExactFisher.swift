public import LinearAlgebra

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
  public var name: String { "exact" }
  /// The tolerance, where it is not the default.
  public var settings: [String: String] {
    tolerance == 1e-3 ? [:] : ["tolerance": "\(tolerance)"]
  }
  /// Block conjugate gradients.
  public var withoutMatrices: (any Estimator)? {
    PreconditionedConjugateGradient(tolerance: tolerance)
  }

  /// Where no block has more columns than there are examples, F may have an inverse.
  public var allowsZeroDamping: Bool { true }

  /// A tolerance between 0 and 1.
  public func validateSettings() throws(InfluenceError) {
    guard tolerance > 0, tolerance < 1 else {
      throw .invalidSetting(
        method: name, setting: "tolerance", reason: "\(tolerance) does not lie between 0 and 1")
    }
  }

  /// K, or F.
  public func need(on side: Side) -> CurvatureNeed { .gram }

  /// Factorises K + nλI.
  public func scoreSide<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) throws -> any ScoreSideOperator {
    let context = gram.context
    do throws(FactorizationError) {
      return ExactOnScores(context: context, factor: try gram.dampedFactor())
    } catch {
      throw InfluenceError.factorization(block: context.name, method: name, error)
    }
  }

  /// Factorises F + λI.
  public func querySide<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) throws -> any QuerySideOperator {
    let context = gram.context
    do throws(FactorizationError) {
      return ExactOnQueries(gram: gram, factor: try gram.dampedFactor())
    } catch {
      throw InfluenceError.factorization(block: context.name, method: name, error)
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

extension BlockGram {
  /// ‖(F + λI)x − v‖ for each row, from F.
  func residualNorms<Element: Scalar>(
    of preconditioned: Matrix<Element>, for queries: MatrixView<Element>
  ) -> [Double] {
    let solution = Matrix<Double>(converting: preconditioned)
    var residual = Matrix(product: solution.view, view)
    residual.add(solution, scale: context.lambda)
    residual.add(Matrix<Double>(converting: queries), scale: -1)
    return residual.view.squaredRowNorms().map { $0.squareRoot() }
  }
}
