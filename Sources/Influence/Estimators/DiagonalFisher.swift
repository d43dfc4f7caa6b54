import Gradients
public import LinearAlgebra

/// The diagonal of the Fisher matrix: each parameter has its own curvature, and no two have any in
/// common.
///
///     M = diag(1/(fⱼ + λ)),   fⱼ = (1/n) Σᵢ gᵢⱼ²
///
/// The adaptive preconditioner of many optimisers, and the baseline of K-FAC comparisons. Depends on the
/// coordinates: a rotation of the parameters changes the scores.
///
/// - Cost: one pass of 2nd once, then md a query and 2mnd. Damping: added to each fⱼ.
public struct DiagonalFisher: Estimator {
  /// Makes the estimator.
  public init() {}

  /// `diagonal`.
  public var name: String { "diagonal" }
  /// None.
  public var settings: [String: String] { [:] }
  /// If every parameter has a gradient.
  public var allowsZeroDamping: Bool { true }
  /// The query side: the diagonal of F cannot be seen from K.
  public func works(on side: Side) -> Bool { side == .query }
  /// A pass for the second moments.
  public func need(on side: Side) -> CurvatureNeed { .passes }

  /// Not to be called: the method has no score side.
  public func scoreSide<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) throws -> any ScoreSideOperator {
    preconditionFailure("diagonal works on the query side alone")
  }

  /// Sums the squares of each column.
  public func querySide<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) throws -> any QuerySideOperator {
    let context = gram.context
    let damped = try pass.columnSecondMoments().map { $0 + context.lambda }
    guard damped.allSatisfy({ $0 > 0 }) else {
      throw InfluenceError.singular(
        block: context.name, method: name,
        reason: "column \(damped.firstIndex { $0 <= 0 } ?? 0) has no gradient")
    }
    return DiagonalOnQueries(inverse: damped.map { 1 / $0 })
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
    let share = 1 / Double(store.count)
    return sums.map { $0 * share }
  }
}
