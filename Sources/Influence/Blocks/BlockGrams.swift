import Gradients
import LinearAlgebra

/// The Gram matrices of one block, as far as its plan needs them.
struct BlockGrams: Sendable {
  /// K.
  let score: BlockGram
  /// F.
  let query: BlockGram

  /// Computes them, each by one pass.
  init<Element: Scalar>(
    _ plan: BlockPlan, _ training: GradientStore, monitor: PassMonitor?, precision: Element.Type
  ) throws {
    let pass = GradientPass<Element>(
      store: training, block: plan.context.index, monitor: monitor)
    score = try BlockGram(
      context: plan.context, side: .score, matrix: plan.needsKernel ? try pass.kernel() : nil)
    query = try BlockGram(
      context: plan.context, side: .query, matrix: plan.needsFisher ? try pass.fisher() : nil)
  }

  /// Takes what was computed before.
  init(context: BlockContext, score: GramParts, query: GramParts) {
    self.score = BlockGram(context: context, side: .score, parts: score)
    self.query = BlockGram(context: context, side: .query, parts: query)
  }
}
