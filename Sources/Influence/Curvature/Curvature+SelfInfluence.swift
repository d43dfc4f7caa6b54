import Gradients
import LinearAlgebra

extension Curvature {
  /// The self-influence gᵢᵀ·M·gᵢ of every training example, under every fitted estimator.
  ///
  /// Large values mark examples that the model could learn only from themselves: mislabelled, rare
  /// or duplicated with a different label.
  ///
  /// - Parameters:
  ///   - perBlock: Whether values come with each block's share of them, ``SelfInfluence/shares``.
  ///   - progress: Called as blocks are done.
  /// - Returns: One ``SelfInfluence`` per estimator, in the order of ``estimators``.
  /// - Throws: ``InfluenceError``, or an error from reading the store.
  public func selfInfluence(
    perBlock: Bool = false, progress: ProgressHandler? = nil
  ) throws -> [SelfInfluence] {
    var results = try exampleQuantities(
      .selfInfluence, of: estimators.indices, perBlock: perBlock, progress: progress)
    for (index, estimator) in estimators.enumerated() where estimator.normalization != .none {
      let norms = try normalizer(ofEstimator: index, known: results[index].values)
      // gᵢ is both the query and the training example.
      let divisors =
        switch estimator.normalization {
        case .bothSelfInfluences: norms.map { $0 * $0 }
        case .gradientNorms, .queryNormAndChange:
          zip(norms, exampleLengths(of: 0..<training.count)).map { $0 * $1 }
        default: norms
        }
      for (row, divisor) in divisors.enumerated() where divisor > 0 {
        results[index].values[row] /= divisor
      }
      results[index].shares?.scale(
        by: ScoreFactors(columns: divisors.map { $0 > 0 ? 1 / $0 : 1 }))
    }
    return results
  }

  /// A quantity of every training example, one result per estimator asked for.
  ///
  /// - Parameter eachBlock: Called with the share of each block that is not dead, in the layout's order.
  func exampleQuantities(
    _ quantity: ExampleQuantity, of indices: Range<Int>, perBlock: Bool = false,
    progress: ProgressHandler? = nil, eachBlock: (([[Double]]) -> Void)? = nil
  ) throws -> [SelfInfluence] {
    switch options.precision {
    case .single:
      return try exampleQuantities(
        quantity, of: indices, perBlock, progress, eachBlock, precision: Float.self)
    case .double:
      return try exampleQuantities(
        quantity, of: indices, perBlock, progress, eachBlock, precision: Double.self)
    }
  }

  private func exampleQuantities<Element: Scalar>(
    _ quantity: ExampleQuantity, of indices: Range<Int>, _ perBlock: Bool,
    _ progress: ProgressHandler?, _ eachBlock: (([[Double]]) -> Void)?, precision: Element.Type
  ) throws -> [SelfInfluence] {
    let live = contexts.filter { !$0.isDead }
    let supply = supply
    let training = training
    var results = estimators[indices].map { estimator in
      SelfInfluence(
        method: estimator.name, values: [Double](repeating: 0, count: self.training.count),
        warnings: warnings,
        shares: perBlock
          ? BlockShares.zeros(contexts.map(\.name), 1, self.training.count) : nil)
    }
    // What is kept, or in flight, and as much again for a Gram matrix or an inverse that is formed anew.
    let bytes = live.map { context in
      let needs = supply.needs[context.index]
      return BlockNeeds.sum(
        BlockNeeds.sum(supply.keepsBlocks ? 0 : needs.peakBytes, needs.formedBytes),
        needs.measuringBytes)
    }
    let kept = supply.keepsBlocks ? BlockNeeds.total(supply.needs) : 0
    let budget = max(0, options.matrixBudget - kept)
    let walk = BlockWalk(
      stage: "self-influence", of: training, blocks: live.map(\.index),
      blocksAtATime: WorkingMemory.blocksAtATime(of: bytes, within: budget), options: options,
      progress: progress)
    let memory = budget / max(1, walk.blocksInFlight)
    let reduction = options.reduction
    var refitted: [String] = []
    try walk.forEach { place, monitor -> (values: [BlockSelfInfluence], isRefitted: Bool) in
      let pass = GradientPass<Element>(
        store: training, block: live[place].index, monitor: monitor, reduction: reduction)
      let fitted = try supply.block(live[place].index, monitor: monitor)
      let values = try indices.map { index in
        var found = try fitted.exampleValues(
          quantity, ofEstimator: index, pass: pass, memory: memory)(0..<training.count)
        if quantity == .selfInfluence, self.estimators[index].normalization == .leverage {
          let left = try Self.leftOut(
            found.values, method: self.estimators[index].name, block: live[place].name)
          found.values = zip(found.values, left).map { $0 / $1 }
        }
        return found
      }
      return (values, fitted.isRefitted)
    } combine: { place, outcome in
      if outcome.isRefitted { refitted.append(live[place].name) }
      eachBlock?(outcome.values.map(\.values))
      for (index, influence) in outcome.values.enumerated() {
        results[index].shares?.values[live[place].index] = Matrix(
          rows: 1, columns: influence.values.count, elements: influence.values)
        for (row, value) in influence.values.enumerated() { results[index].values[row] += value }
        results[index].warnings += influence.warnings
      }
    }
    try requireUnchangedFit()
    let notices =
      supply.keepsBlocks ? [] : TrainingWarnings.warnings(ofRefitted: refitted, in: training)
    for index in results.indices {
      results[index].warnings += notices
      let values = Matrix(rows: 1, columns: training.count, elements: results[index].values)
      if let warning = LostDigits.warning(of: values, noun: "values") {
        results[index].warnings.append("\(results[index].method): \(warning)")
      }
    }
    return results
  }
}
