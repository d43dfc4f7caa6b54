/// When in a training an adapter was kept, and how much was learnt since the one before.
///
/// TracIn weighs the gradients at a checkpoint by its learning rate; SOURCE takes a training as segments between
/// checkpoints, each with the sum of its learning rates.
public struct TrainingCheckpoint: Sendable, Hashable, Codable {
  /// The file beside the adapter that says this.
  public static let fileName = "checkpoint.json"

  /// The number of the checkpoint, from 1.
  public let number: Int
  /// The number of steps taken.
  public let step: Int
  /// The number of passes over the texts, with the part of the current one.
  public let epoch: Double
  /// The learning rate of the last step.
  public let learningRate: Double
  /// The sum of the learning rates of all steps since the checkpoint before.
  public let segmentLearningRate: Double

  /// What the folder of the adapter is called, such as `checkpoint-1`.
  public var folderName: String { "checkpoint-\(number)" }
}
