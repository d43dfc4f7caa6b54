package import Gradients
internal import LinearAlgebra

extension AdamW {
  /// What methods ask of the optimizer; nil before the first step.
  ///
  /// - Parameter layout: The names of the parameters, in the order in which they were given to
  ///   ``step(_:gradients:learningRate:)``.
  /// - Parameter learningRateSum: The sum of the learning rates of all steps.
  package func moments(of layout: BlockLayout, learningRateSum: Double) -> OptimizerMoments? {
    guard stepCount > 0 else { return nil }
    precondition(
      layout.blocks.map(\.width) == firstMoments.map(\.count), "names are of other parameters")
    return OptimizerMoments(
      rule: OptimizerMoments.Rule(
        stepCount: stepCount, firstDecay: settings.firstMomentDecay,
        secondDecay: settings.secondMomentDecay, epsilon: settings.epsilon,
        learningRateSum: learningRateSum > 0 ? learningRateSum : nil),
      moments: zip(layout.blocks, zip(firstMoments, secondMoments)).map { block, moments in
        (
          block.name,
          OptimizerMoments.Moments(
            first: moments.0.map { Double($0) }, second: moments.1.map { Double($0) })
        )
      })
  }
}
