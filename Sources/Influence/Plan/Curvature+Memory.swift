package import Gradients

extension Curvature {
  /// Refuses what scoring would refuse for want of memory, before anything is fitted.
  ///
  /// - Parameters:
  ///   - estimator: The method.
  ///   - training: The training gradients.
  ///   - perBlock: Whether each block's share is wanted.
  ///   - options: As for the fit.
  /// - Throws: ``InfluenceError/tooLarge(block:method:order:bytes:budget:)`` or
  ///   ``InfluenceError/tooManyExamples(source:rows:bytes:budget:isCertified:)``.
  /// - Complexity: O(blocks); nothing is read.
  package static func requireMemory(
    scoringBy estimator: any Estimator, on training: GradientStore, perBlock: Bool,
    options: CurvatureOptions
  ) throws {
    let needs = BlockNeeds.all(of: [estimator], on: training, options: options)
    try BlockNeeds.check(needs, against: options.memoryBudget)
    try WorkingMemory(
      scoring: 1, with: needs, exampleCount: training.count, estimatorCount: 1,
      keepsBlocks: WorkingMemory.fitting(needs, options: options).keepsBlocks,
      keptShares: perBlock ? needs.count : 0, recordsNorms: training.recordsNorms,
      options: options
    ).requireStart(on: training, options: options)
  }

  /// Refuses what self-influence would refuse for want of memory, before anything is fitted; as
  /// ``requireMemory(scoringBy:on:perBlock:options:)``.
  package static func requireMemory(
    selfInfluenceBy estimator: any Estimator, on training: GradientStore, perBlock: Bool,
    options: CurvatureOptions
  ) throws {
    let needs = BlockNeeds.all(of: [estimator], on: training, options: options)
    try BlockNeeds.check(needs, against: options.memoryBudget)
    _ = try selfInfluencePart(
      of: training, with: needs,
      keepsBlocks: WorkingMemory.fitting(needs, options: options).keepsBlocks, perBlock: perBlock,
      options: options)
  }
}
