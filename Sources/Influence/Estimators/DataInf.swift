public import LinearAlgebra

/// DataInf: the inverse of a mean of rank-one matrices replaced by the mean of their inverses.
///
///     M = (1/n) Σᵢ (gᵢgᵢᵀ + λI)⁻¹ = (1/λ)·[I − (1/n) Σᵢ gᵢgᵢᵀ/(λ + νᵢ)]
///     S = (1/λ)·[C − (1/n)·C·W·K],   W = diag(1/(λ + νᵢ))
///
/// Kwon, Wu, Wu and Zou, "DataInf" (arXiv 2310.00902), equation 5. By operator convexity M is at
/// least the exact inverse, so self-influence is never underestimated.
///
/// - Cost: score side n²d once, then 2mnd + 2mn²; query side 6mnd in two passes.
public struct DataInf: Estimator {
  /// Makes the estimator.
  public init() {}

  /// `datainf`.
  public var name: String { "datainf" }
  /// None.
  public var settings: [String: String] { [:] }

  /// K on the score side; nothing but norms on the query side.
  public func need(on side: Side) -> CurvatureNeed { side == .score ? .gram : .norms }

  /// Keeps K in the precision of products.
  public func scoreSide<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) -> any ScoreSideOperator {
    DataInfOnScores(
      context: gram.context, kernel: gram.view(as: Element.self),
      weights: gram.context.dataInfWeights.map { Element($0) })
  }

  /// Keeps the weights.
  public func querySide<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) -> any QuerySideOperator {
    DataInfOnQueries(context: gram.context)
  }
}

/// S = (1/λ)·[C − (1/n)·C·W·K], in precision `Element` up to the products.
private struct DataInfOnScores<Element: Scalar>: ScoreSideOperator {
  let context: BlockContext
  let kernel: MatrixView<Element>
  let weights: [Element]

  func solve(_ cross: CrossProducts) -> SpanSolution {
    let lambda = context.lambda
    let share = 1 / (Double(context.exampleCount) * lambda)
    var weighted = cross.matrix(as: Element.self)
    weighted.scaleColumns(by: weights)
    let corrections = Matrix(product: weighted.view, kernel)
    var scores = cross.matrix(as: Double.self)
    scores.scale(by: 1 / lambda)
    scores.add(Matrix<Double>(converting: corrections), scale: -share)
    var coefficients = Matrix<Double>(converting: weighted)
    coefficients.scale(by: -share)
    return SpanSolution(scores: scores, coefficients: coefficients, beta: 1 / lambda)
  }

  /// (1/λ)·[νᵢ − (1/n) Σⱼ Kᵢⱼ²/(λ + νⱼ)], from the K that is kept.
  func selfInfluence(kernel: () throws -> Matrix<Double>) -> BlockSelfInfluence {
    var weighted = Matrix(self.kernel)
    weighted.scaleColumns(by: context.dataInfWeights.map { Element($0.squareRoot()) })
    return context.dataInfSelfInfluence(weightedSquares: weighted.view.squaredRowNorms())
  }
}

/// X = (1/λ)·[V − (1/n)·C·W·G]: one pass, which leaves C behind.
private struct DataInfOnQueries: QuerySideOperator {
  let context: BlockContext

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) throws -> Preconditioned<Element> {
    let lambda = context.lambda
    var rows = Matrix(queries, scaledBy: Element(1 / lambda))
    let cross = try pass.normalProducts(
      queries, weights: context.dataInfWeights,
      scale: -1 / (Double(context.exampleCount) * lambda), addingTo: &rows)
    return Preconditioned(rows: rows, crossProducts: cross)
  }

  /// Σⱼ Kᵢⱼ²/(λ + νⱼ) as gᵢᵀ·(Gᵀ·W·G)·gᵢ, or from rows of K, whichever costs less and fits.
  func selfInfluence<Element: Scalar>(
    pass: GradientPass<Element>, memory: Int
  ) throws -> BlockSelfInfluence? {
    let (n, d) = (context.exampleCount, context.width)
    let weights = context.dataInfWeights
    // 3nd² operations against 2n²d.
    let sums =
      3 * d < 2 * n && DataInf.momentBytes(width: d) <= memory
      ? try pass.quadraticForms(of: pass.secondMoment(weights: weights))
      : try pass.squaredKernelSums(weights: weights, memory: memory)
    return context.dataInfSelfInfluence(weightedSquares: sums)
  }
}

extension DataInf {
  /// Bytes of Gᵀ·W·G as a sum of panels, as a matrix, and in the precision of products.
  static func momentBytes(width: Int) -> Int { 22 * width * width }
}

extension BlockContext {
  /// (1/λ)·(νᵢ − sᵢ/n), with s what DataInf takes off.
  fileprivate func dataInfSelfInfluence(weightedSquares: [Double]) -> BlockSelfInfluence {
    BlockSelfInfluence(
      values: zip(squaredNorms, weightedSquares).map { norm, sum in
        (norm - sum / Double(exampleCount)) / lambda
      })
  }
}
