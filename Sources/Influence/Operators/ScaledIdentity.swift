import LinearAlgebra

/// M = βI: what is fitted when no direction is treated unlike another.
struct ScaledIdentity: ScoreSideOperator, QuerySideOperator {
  let beta: Double
  let context: BlockContext

  func solve(_ cross: CrossProducts) -> SpanSolution {
    var scores = cross.matrix(as: Double.self)
    if beta != 1 { scores.scale(by: beta) }
    return SpanSolution(scores: scores, coefficients: nil, beta: beta)
  }

  func selfInfluence(kernel: () throws -> Matrix<Double>) throws -> BlockSelfInfluence {
    BlockSelfInfluence(values: context.squaredNorms.map { beta * $0 })
  }

  func selfInfluence<Element: Scalar>(
    pass: GradientPass<Element>, memory: Int
  ) -> BlockSelfInfluence? {
    BlockSelfInfluence(values: context.squaredNorms.map { beta * $0 })
  }

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) -> Preconditioned<Element> {
    Preconditioned(rows: Matrix(queries, scaledBy: Element(beta)))
  }
}
