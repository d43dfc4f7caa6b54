internal import Data
internal import Models

/// How an adapter is trained: AdamW on the mean loss of each batch, with a learning rate that rises and falls.
public struct FineTuningSettings: Sendable, Hashable, Codable {
  /// The number of passes over the texts; at least 1.
  public var epochs: Int
  /// The number of texts whose gradients are taken together, at least 1; the last of an epoch may have fewer.
  public var batchSize: Int
  /// The number of batches of one step, at least 1.
  public var accumulation: Int
  /// The largest learning rate, positive; see ``LearningRateSchedule``.
  public var learningRate: Double
  /// The share of all steps in which the learning rate rises, in 0 ..< 1.
  public var warmup: Double
  /// The decoupled weight decay of AdamW, at least 0; it acts on every parameter that is trained.
  public var weightDecay: Double
  /// The largest norm of a step's gradient, which is scaled down to it; 0: any.
  public var largestNorm: Double
  /// Decides the order of texts in each epoch, and the dropout.
  public var seed: UInt64
  /// The number of times that the adapter is kept on the way, at equal distances, the last at the end; 0: never.
  public var checkpoints: Int

  /// Collects the numbers, which are checked where training begins.
  ///
  /// Batch, learning rate and warm-up are those of DataInf's experiments with LoRA (Kwon et al., 2024); a largest norm of
  /// 1 and no weight decay are Hugging Face's.
  public init(
    epochs: Int = 5, batchSize: Int = 16, accumulation: Int = 1, learningRate: Double = 3e-4,
    warmup: Double = 0.06, weightDecay: Double = 0, largestNorm: Double = 1, seed: UInt64 = 0,
    checkpoints: Int = 0
  ) {
    self.epochs = epochs
    self.batchSize = batchSize
    self.accumulation = accumulation
    self.learningRate = learningRate
    self.warmup = warmup
    self.weightDecay = weightDecay
    self.largestNorm = largestNorm
    self.seed = seed
    self.checkpoints = checkpoints
  }

  /// Refuses numbers out of their ranges; AdamW checks its own.
  func check() throws(ModelError) {
    let most = Int(Int32.max)
    try ModelError.check((1...most).contains(epochs), "epoch count", epochs, "at least 1")
    try ModelError.check((1...most).contains(batchSize), "batch size", batchSize, "at least 1")
    try ModelError.check(
      (1...most).contains(accumulation), "number of batches of a step", accumulation, "at least 1")
    try ModelError.check(
      warmup >= 0 && warmup < 1, "share of steps with a rising learning rate", warmup,
      "a number in 0 ..< 1")
    try ModelError.check(
      largestNorm >= 0 && largestNorm.isFinite, "largest norm of a gradient", largestNorm,
      "a number from 0 up, such as 1")
  }
}
