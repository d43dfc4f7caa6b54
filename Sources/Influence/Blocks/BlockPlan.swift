import Gradients
import LinearAlgebra

/// What will be fitted to one block, decided before any work.
struct BlockPlan: Sendable {
  let context: BlockContext
  let demand: BlockDemand

  init(of context: BlockContext, for estimators: [any Estimator], options: CurvatureOptions) {
    self.context = context
    demand = BlockDemand(
      of: context.block, exampleCount: context.exampleCount, isDead: context.isDead,
      for: estimators, options: options)
  }

  /// A block of a kept fit, whose sides were decided then.
  init(context: BlockContext, demand: BlockDemand) {
    self.context = context
    self.demand = demand
  }

  /// One choice an estimator.
  var choices: [CostModel.Choice] { demand.choices }
  var needsKernel: Bool { demand.needsKernel }
  var needsFisher: Bool { demand.needsFisher }
  /// Bytes that stay in memory once the block is fitted.
  var bytes: Int { demand.bytes }

  /// Refuses a fit one of whose blocks does not fit in memory by itself.
  ///
  /// - Throws: ``InfluenceError/tooLarge(block:method:order:bytes:budget:)``.
  static func check(_ plans: [BlockPlan], against budget: Int) throws(InfluenceError) {
    for plan in plans where plan.demand.bytes > 0 && plan.demand.peakBytes > budget {
      let order = plan.needsKernel ? plan.context.exampleCount : plan.context.width
      throw .tooLarge(
        block: plan.context.name,
        method: plan.demand.gramMethods.isEmpty
          ? "certificate" : plan.demand.gramMethods.joined(separator: ", "),
        order: order, bytes: plan.demand.peakBytes, budget: budget)
    }
  }
}
