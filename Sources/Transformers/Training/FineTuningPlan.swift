internal import Data
internal import LinearAlgebra
package import Models

/// Which texts are in which step of a training, with which learning rate, and when the adapter is kept.
///
/// Everything follows from the settings and the number of texts, so that a training can go on anywhere.
package struct FineTuningPlan: Sendable {
  /// How is trained.
  package let settings: FineTuningSettings
  /// The number of texts.
  package let textCount: Int
  /// The steps of each epoch; the last of them may have fewer texts.
  package let stepsPerEpoch: Int
  /// The learning rates.
  package let schedule: LearningRateSchedule
  /// The numbers of steps after which the adapter is kept, ascending.
  package let checkpoints: [Int]

  /// Makes a plan.
  ///
  /// - Throws: `ModelError` for a setting out of its range, and where there are fewer steps than checkpoints.
  package init(_ settings: FineTuningSettings, textCount: Int) throws(ModelError) {
    try settings.check()
    guard textCount > 0 else { throw .data(.noExamples) }
    self.settings = settings
    self.textCount = textCount
    let (size, isLarge) = settings.batchSize.multipliedReportingOverflow(by: settings.accumulation)
    stepsPerEpoch = isLarge ? 1 : (textCount - 1) / size + 1
    let (count, isTooLong) = stepsPerEpoch.multipliedReportingOverflow(by: settings.epochs)
    try ModelError.check(!isTooLong, "epoch count", settings.epochs, "fewer")
    schedule = LearningRateSchedule(
      peak: settings.learningRate, stepCount: count, warmup: settings.warmup)
    try ModelError.check(
      (0...min(count, 10_000)).contains(settings.checkpoints), "number of checkpoints",
      settings.checkpoints, "at most the \(count) steps, and 10000")
    // ⌊count · (number + 1) / all⌋, without a product that may overflow.
    let all = max(1, settings.checkpoints)
    checkpoints = (0..<settings.checkpoints).map {
      count / all * ($0 + 1) + count % all * ($0 + 1) / all
    }
  }

  /// The steps of all epochs.
  package var stepCount: Int { schedule.stepCount }

  /// The order of the texts in an epoch, from 0.
  package func order(ofEpoch epoch: Int) -> [Int] {
    var generator = SeededGenerator(
      seed: settings.seed, stream: RandomStream.epochs + UInt64(epoch))
    return generator.permutation(textCount)
  }

  /// The texts of a step, cut into batches.
  ///
  /// - Parameter order: That of the step's epoch.
  package func batches(ofStep step: Int, in order: [Int]) -> [ArraySlice<Int>] {
    let size = settings.batchSize.multipliedReportingOverflow(by: settings.accumulation)
    let stepSize = size.overflow ? textCount : size.partialValue
    let first = step % stepsPerEpoch * stepSize
    let rows = order[first..<min(first + stepSize, order.count)]
    return stride(from: rows.startIndex, to: rows.endIndex, by: settings.batchSize).map {
      rows[$0..<min($0 + settings.batchSize, rows.endIndex)]
    }
  }
}
