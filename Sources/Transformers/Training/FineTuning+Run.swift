package import Gradients

/// How far a training has come, as it is told while it runs.
public struct FineTuningReport: Sendable, Hashable {
  /// The number of steps taken.
  public let step: Int
  /// The steps of the whole training.
  public let stepCount: Int
  /// The current epoch, from 1.
  public let epoch: Int
  /// The epochs of the whole training.
  public let epochCount: Int
  /// The mean loss of the texts of the epoch so far, in nats.
  public let loss: Double
  /// The tokens that were learnt from in each second, since this program began to train.
  public let tokensPerSecond: Double
}

extension FineTuning {
  /// What is called while a training runs.
  package struct Observers {
    /// Takes what is needed to go on after the last step.
    package var keep: ((FineTuningState) throws -> Void)?
    /// Takes the model at a checkpoint, and what the optimizer knows then.
    package var checkpoint: ((TrainingCheckpoint, Model, OptimizerMoments?) throws -> Void)?
    /// Is told after each step how far the training has come.
    package var report: ((FineTuningReport) -> Void)?

    package init(
      keep: ((FineTuningState) throws -> Void)? = nil,
      checkpoint: ((TrainingCheckpoint, Model, OptimizerMoments?) throws -> Void)? = nil,
      report: ((FineTuningReport) -> Void)? = nil
    ) {
      self.keep = keep
      self.checkpoint = checkpoint
      self.report = report
    }
  }

  /// Takes all steps that are left.
  ///
  /// - Parameters:
  ///   - heldOut: Texts that the model is asked after each epoch; may be none.
  ///   - interval: The state is kept after each epoch, and when so much time has passed since it was.
  ///   - observers: What is called on the way.
  /// - Throws: ``FineTuningError``, or an error of the model or of an observer.
  package mutating func run(
    heldOut: [TokenSequence] = [], keepingEvery interval: Duration = .seconds(60),
    observers: Observers = Observers()
  ) throws {
    let start = ContinuousClock.now
    var (lastKept, tokenCount) = (start, 0)
    while !isComplete {
      tokenCount += try takeStep().tokenCount
      let step = progress.step
      let loss = progress.meanLoss ?? 0
      let endsEpoch = step % plan.stepsPerEpoch == 0
      if endsEpoch { try endEpoch(asking: heldOut) }
      if plan.checkpoints.dropFirst(progress.checkpointCount).first == step {
        try observers.checkpoint?(checkpoint, model, optimizerMoments)
        beginSegment()
      }
      let now = ContinuousClock.now
      if let keep = observers.keep, endsEpoch || now - lastKept >= interval {
        try keep(state)
        lastKept = .now
      }
      observers.report?(
        FineTuningReport(
          step: step, stepCount: plan.stepCount, epoch: (step - 1) / plan.stepsPerEpoch + 1,
          epochCount: plan.settings.epochs, loss: loss,
          tokensPerSecond: Double(tokenCount) / max((now - start) / .seconds(1), 1e-9)))
    }
  }

  private mutating func endEpoch(asking heldOut: [TokenSequence]) throws {
    guard !heldOut.isEmpty else { return endEpoch(heldOut: nil) }
    let result = try HeldOutResult(of: heldOut, by: model)
    guard result.loss.isFinite else {
      throw FineTuningError.diverged(
        step: progress.step, epoch: progress.epochs.count + 1, learningRate: progress.learningRate,
        found: "the loss of held-out texts is \(result.loss)")
    }
    endEpoch(heldOut: result)
  }

  /// The checkpoint that is due after the last step.
  private var checkpoint: TrainingCheckpoint {
    TrainingCheckpoint(
      number: progress.checkpointCount + 1, step: progress.step,
      epoch: Double(progress.step) / Double(plan.stepsPerEpoch),
      learningRate: progress.learningRate, segmentLearningRate: progress.segmentRate)
  }
}
