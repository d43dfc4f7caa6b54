import Gradients
import LinearAlgebra

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
  /// `datainf`.
  public static let name = "datainf"
  /// What the method is, in one line.
  public static let summary = "mean of rank-one inverses, in closed form"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "M = (1/n)·Σᵢ (gᵢgᵢᵀ + λI)⁻¹", "S = (1/λ)·[C − (1/n)·C·W·K], W = diag(1/(λ + ‖gᵢ‖²))",
    source: "Kwon, Wu, Wu and Zou (2024, arXiv 2310.00902), equation 5",
    cost: "score side n²d once, then 2mnd + 2mn²; query side 6mnd in two passes",
    remark: "M is at least the exact inverse, so that self-influence is never too small.")

  /// Makes the estimator.
  public init() {}

  /// K in the precision of products.
  public var scoreSide: (any ScoreSideFit)? { ScoreSide() }
  /// The weights W, and a pass per set of queries.
  public var querySide: (any QuerySideFit)? { QuerySide() }
  /// C and K, from which every damping's scores are made.
  public var sweep: (any SweepFit)? { DataInfSweep() }

  private struct ScoreSide: ScoreSideFit {
    var needs: Set<Need> { [.gramInProductPrecision] }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      var work = Work()
      let n = block.exampleCount
      work.addProducts(
        rows: queries, operations: OperationCount.products(m: queries, n: n, d: n))
      work.productNumbers = Double(n) * Double(n)
      return work
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, precision: Element.Type
    ) -> any ScoreSideOperator {
      DataInfOnScores(
        context: gram.context, kernel: gram.view(as: Element.self),
        weights: gram.context.dataInfWeights().map { Element($0) })
    }
  }

  private struct QuerySide: QuerySideFit {
    var needs: Set<Need> { [] }
    var worksByExamples: Bool { true }
    var leavesProducts: Bool { true }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      var work = Work()
      work.addPass(block, products: 2, rows: queries)
      return work
    }

    /// Gᵀ·W·G and the quadratic forms of all examples, or rows of K.
    func measuringWork(_ quantity: ExampleQuantity, _ block: BlockShape) -> Work {
      guard quantity == .selfInfluence else { return workOfExamplesAsQueries(block) }
      let (n, d) = (block.exampleCount, block.width)
      var work = Work()
      if DataInf.takesMoment(block) {
        work.addPass(block, operations: OperationCount.fisher(n: n, d: d), rows: n)
        work.addPass(block, operations: OperationCount.quadraticForms(n: n, d: d), rows: d)
      } else {
        work.addPass(block, products: 1, rows: n)
      }
      return work
    }

    func measuringBytes(_ block: BlockShape) -> Int { DataInf.momentBytes(width: block.width) }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) -> any QuerySideOperator { DataInfOnQueries(context: gram.context) }
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
    // K is its own transpose, and rows are multiplied faster than columns.
    let corrections = Matrix(product: weighted.view, kernel.transposed)
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
    weighted.scaleColumns(by: context.dataInfWeights().map { Element($0.squareRoot()) })
    return BlockSelfInfluence(
      values: context.dataInfSelfInfluence(
        of: 0..<context.exampleCount, weightedSquares: weighted.view.squaredRowNorms()))
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
    guard pass.keepsProducts else {
      try pass.addNormalProducts(
        queries, weights: context.dataInfWeights(of:),
        scale: -1 / (Double(context.exampleCount) * lambda), to: &rows)
      return Preconditioned(rows: rows)
    }
    let cross = try pass.normalProducts(
      queries, weights: context.dataInfWeights(),
      scale: -1 / (Double(context.exampleCount) * lambda), addingTo: &rows)
    return Preconditioned(rows: rows, crossProducts: cross)
  }

  /// Σⱼ Kᵢⱼ²/(λ + νⱼ) as gᵢᵀ·(Gᵀ·W·G)·gᵢ, or from rows of K, whichever costs less and fits.
  func selfInfluence<Element: Scalar>(
    pass: GradientPass<Element>, memory: Int
  ) throws -> (@Sendable (Range<Int>) throws -> [Double])? {
    let block = BlockShape(context.block, exampleCount: context.exampleCount)
    guard DataInf.takesMoment(block), DataInf.momentBytes(width: block.width) <= memory else {
      let weights = context.dataInfWeights()
      return { rows in
        context.dataInfSelfInfluence(
          of: rows,
          weightedSquares: try pass.squaredKernelSums(of: rows, weights: weights, memory: memory))
      }
    }
    let moment = try pass.secondMoment(weights: context.dataInfWeights(of:))
    return { rows in
      context.dataInfSelfInfluence(
        of: rows, weightedSquares: try pass.quadraticForms(of: moment, for: rows))
    }
  }
}

extension DataInf {
  /// Whether Gᵀ·W·G and its forms cost less than rows of K, 2n²d operations.
  fileprivate static func takesMoment(_ block: BlockShape) -> Bool {
    let (n, d) = (block.exampleCount, block.width)
    return OperationCount.fisher(n: n, d: d) + OperationCount.quadraticForms(n: n, d: d)
      < OperationCount.products(m: n, n: n, d: d)
  }

  /// Bytes of Gᵀ·W·G as a sum of panels, as a matrix, and in the precision of products.
  fileprivate static func momentBytes(width: Int) -> Int { 22 * width * width }
}

extension BlockContext {
  /// DataInf's weights 1/(λ + νᵢ) of all examples.
  func dataInfWeights() -> [Double] { dataInfWeights(of: 0..<exampleCount) }

  /// DataInf's weights 1/(λ + νᵢ) of some examples.
  func dataInfWeights(of rows: Range<Int>) -> [Double] {
    squaredNorms[rows: rows].map { 1 / (lambda + $0) }
  }

  /// (1/λ)·(νᵢ − sᵢ/n) of some examples, with s what DataInf takes off.
  fileprivate func dataInfSelfInfluence(
    of rows: Range<Int>, weightedSquares: [Double]
  ) -> [Double] {
    zip(squaredNorms[rows: rows], weightedSquares).map { norm, sum in
      (norm - sum / Double(exampleCount)) / lambda
    }
  }
}
