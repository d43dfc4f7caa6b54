/// How a network is trained.
public struct TrainingSettings: Sendable, Hashable, Codable {
  /// The number of passes over the data; at least 0.
  public var epochs: Int
  /// The number of examples of one step, at least 1; the last of an epoch may have fewer.
  public var batchSize: Int
  /// η of AdamW, positive; constant.
  public var learningRate: Double
  /// The decoupled weight decay of AdamW, at least 0.
  public var weightDecay: Double
  /// Decides the order of examples in each epoch.
  public var seed: UInt64

  /// Collects the numbers; `Trainer` checks them.
  public init(
    epochs: Int = 20, batchSize: Int = 32, learningRate: Double = 1e-3, weightDecay: Double = 0.01,
    seed: UInt64 = 0
  ) {
    self.epochs = epochs
    self.batchSize = batchSize
    self.learningRate = learningRate
    self.weightDecay = weightDecay
    self.seed = seed
  }
}
