/// One model to train: on which rows, with which weights and seed.
public struct TrainingRun: Sendable, Hashable {
  /// The rows of the training set, in this order.
  public var rows: [Int]
  /// One weight per row, none negative; nil if all are 1.
  public var weights: [Double]?
  /// Decides first weights and the order of examples, where the recipe has such.
  public var seed: UInt64

  /// Makes a run.
  public init(rows: [Int], weights: [Double]? = nil, seed: UInt64 = 0) {
    self.rows = rows
    self.weights = weights
    self.seed = seed
  }
}
