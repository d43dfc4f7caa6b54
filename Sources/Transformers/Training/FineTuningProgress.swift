/// How far a training has come, and what it learnt in each epoch.
package struct FineTuningProgress: Sendable, Hashable, Codable {
  /// The number of steps taken.
  package private(set) var step = 0
  /// The epochs that have ended.
  package private(set) var epochs: [FineTuningEpoch] = []
  /// The number of checkpoints that were kept.
  package private(set) var checkpointCount = 0
  /// The learning rate of the last step.
  package private(set) var learningRate = 0.0
  /// The sum of the learning rates since the last checkpoint.
  package private(set) var segmentRate = 0.0
  /// The sum of the losses, and the number of texts, of the current epoch so far.
  private var lossSum = 0.0
  private var lossCount = 0

  /// The mean loss of the current epoch's texts so far; nil before the first.
  package var meanLoss: Double? { lossCount > 0 ? lossSum / Double(lossCount) : nil }

  /// Whether this is a place at which a training after a plan keeps its state.
  func fits(_ plan: FineTuningPlan) -> Bool {
    (0...plan.stepCount).contains(step) && epochs.count == step / plan.stepsPerEpoch
      && checkpointCount == plan.checkpoints.count { $0 <= step }
  }

  mutating func add(losses: [Double], learningRate: Double) {
    step += 1
    lossSum += losses.reduce(0, +)
    lossCount += losses.count
    self.learningRate = learningRate
    segmentRate += learningRate
  }

  mutating func endEpoch(heldOut: HeldOutResult?) {
    epochs.append(FineTuningEpoch(loss: meanLoss ?? 0, heldOut: heldOut))
    (lossSum, lossCount) = (0, 0)
  }

  mutating func beginSegment() {
    checkpointCount += 1
    segmentRate = 0
  }
}

/// What an epoch of a training came to.
public struct FineTuningEpoch: Sendable, Hashable, Codable {
  /// The mean loss of the texts that are learnt, in nats, each taken just before its own step.
  public let loss: Double
  /// What the model said of texts that are not learnt, after the epoch; nil without such.
  public let heldOut: HeldOutResult?
}

/// What a model says of texts that it has not learnt.
public struct HeldOutResult: Sendable, Hashable, Codable {
  /// The mean loss in nats.
  public let loss: Double
  /// The share of texts whose class is the most likely one; nil for texts without classes.
  public let accuracy: Double?

  /// Asks a model.
  ///
  /// - Parameter texts: At least one.
  package init(of texts: [TokenSequence], by model: some TrainableModel) throws {
    let labels = texts.map {
      if case .label(let label) = $0.goal { label } else { -1 }
    }
    loss = try model.losses(of: texts).reduce(0, +) / Double(texts.count)
    accuracy =
      labels.contains(-1)
      ? nil
      : Double(zip(try model.classes(of: texts), labels).count { $0.0 == $0.1 })
        / Double(texts.count)
  }
}
