import Gradients
import LinearAlgebra

/// The diagonal of the Fisher matrix: each parameter has its own curvature, and no two have any in
/// common.
///
///     M = diag(1/(fⱼ + λ)),   fⱼ = (1/n) Σᵢ gᵢⱼ²
///
/// The adaptive preconditioner of many optimisers, and the baseline of K-FAC comparisons. It depends on the
/// coordinates: a rotation of the parameters changes the scores.
///
/// - Cost: one pass of 2nd operations once, then md per set of queries and 2mnd. Damping: added to each fⱼ.
public struct DiagonalFisher: Estimator {
  /// `diagonal`.
  public static let name = "diagonal"
  /// What the method is, in one line.
  public static let summary = "diagonal Fisher, M = 1/(mean g² + λ)"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "M = diag(1/(fⱼ + λ)), fⱼ = (1/n)·Σᵢ gᵢⱼ²",
    source: "the preconditioner of adaptive optimizers; the baseline of comparisons with K-FAC",
    cost: "2nd once, then md + 2mnd",
    remark: "A rotation of the parameters changes the scores.")

  /// Makes the estimator.
  public init() {}

  /// True: λ may be zero if every parameter has a gradient.
  public var allowsZeroDamping: Bool { true }
  /// A pass for the second moments; the diagonal of F cannot be seen from K.
  public var querySide: (any QuerySideFit)? { QuerySide() }

  private struct QuerySide: QuerySideFit {
    var needs: Set<Need> { [.ownFit] }
    var worksByExamples: Bool { true }

    func fittingWork(_ block: BlockShape) -> Work {
      var work = Work()
      work.addPass(block, products: 1, rows: 1)
      return work
    }

    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      var work = Work()
      work.addProducts(rows: queries, operations: Double(queries) * Double(block.width))
      return work
    }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      let context = gram.context
      let damped = try pass.columnSecondMoments().map { $0 + context.lambda }
      guard damped.allSatisfy({ $0 > 0 }) else {
        throw InfluenceError.singular(
          block: context.name, method: DiagonalFisher.name,
          reason: "column \(damped.firstIndex { $0 <= 0 } ?? 0) has no gradient")
      }
      return DiagonalOnQueries(inverse: damped.map { 1 / $0 })
    }
  }
}

/// X = V·diag(1/(f + λ)).
private struct DiagonalOnQueries: QuerySideOperator {
  let inverse: [Double]

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) -> Preconditioned<Element> {
    var rows = Matrix(queries)
    rows.scaleColumns(by: inverse.map { Element($0) })
    return Preconditioned(rows: rows)
  }
}

extension GradientPass {
  /// (1/n) Σᵢ gᵢⱼ² of each column j, summed in double precision.
  ///
  /// - Complexity: 2nd operations, one pass.
  fileprivate func columnSecondMoments() throws -> [Double] {
    let width = store.layout.blocks[block].width
    var sums = [Double](repeating: 0, count: width)
    try forEachChunk(of: 256, rowOperations: Double(2 * width)) { _, gradients in
      Matrix(gradients).addSquares(toColumns: &sums)
    }
    try reduction.sum(&sums)
    let share = 1 / Double(store.count)
    return sums.map { $0 * share }
  }
}
