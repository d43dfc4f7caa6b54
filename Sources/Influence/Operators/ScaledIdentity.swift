import Gradients
import LinearAlgebra

/// M = βI on the score side, for methods that treat no direction unlike another.
struct ScaledIdentityOnScores: ScoreSideFit {
  /// β of a block.
  let beta: @Sendable (BlockContext) -> Double

  /// Empty: the norms are enough.
  var needs: Set<Need> { [] }
  var worksByExamples: Bool { true }

  func fit<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) -> any ScoreSideOperator {
    ScaledIdentity(beta: beta(gram.context), context: gram.context)
  }
}

/// M = βI on the query side.
struct ScaledIdentityOnQueries: QuerySideFit {
  /// β of a block.
  let beta: @Sendable (BlockContext) -> Double

  /// Empty: the norms are enough.
  var needs: Set<Need> { [] }
  var worksByExamples: Bool { true }

  /// Self-influence follows from the norms; how far parameters move takes one reading.
  func measuringWork(_ quantity: ExampleQuantity, _ block: BlockShape) -> Work {
    quantity == .selfInfluence ? Work() : workOfExamplesAsQueries(block)
  }

  func fit<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) -> any QuerySideOperator {
    ScaledIdentity(beta: beta(gram.context), context: gram.context)
  }
}

/// M = βI of one block.
private struct ScaledIdentity: ScoreSideOperator, QuerySideOperator {
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

  func selfInfluence(of rows: Range<Int>) -> [Double]? {
    context.squaredNorms[rows: rows].map { beta * $0 }
  }

  func selfInfluence<Element: Scalar>(
    pass: GradientPass<Element>, memory: Int
  ) -> (@Sendable (Range<Int>) throws -> [Double])? {
    { rows in context.squaredNorms[rows: rows].map { beta * $0 } }
  }

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) -> Preconditioned<Element> {
    Preconditioned(rows: Matrix(queries, scaledBy: Element(beta)))
  }
}
