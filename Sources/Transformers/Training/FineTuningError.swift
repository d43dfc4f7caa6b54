import TensorFiles

/// Why a training ended early, or cannot go on.
public enum FineTuningError: Error, Equatable, Sendable {
  /// A loss or a gradient became NaN or infinite; steps and epochs count from 1.
  case diverged(step: Int, epoch: Int, learningRate: Double, found: String)
  /// What was kept of a training cannot be used.
  case damagedState(path: String, reason: String)
  /// What was kept is of a training with other settings, texts or models.
  case otherTraining(path: String, what: String, recorded: String, found: String)
}

extension FineTuningError: CustomStringConvertible {
  /// What happened, with what to do about it.
  public var description: String {
    switch self {
    case .diverged(1, _, _, let found):
      "\(found) in step 1, before anything was learnt; look for weights that are not finite, and for odd texts"
    case .diverged(let step, let epoch, let rate, let found):
      "\(found) in step \(step), epoch \(epoch), at the learning rate \(rate); lower the learning rate, clip gradients to a smaller norm, or look for odd texts"
    case .damagedState(let path, let reason):
      "\(path.legible): \(reason); remove the folder that it is in, and train from the start"
    case .otherTraining(let path, let what, let recorded, let found):
      "\(path.legible): it is of a training whose \(what) is \(recorded.legible), not \(found.legible); go on with the same, or train from the start in another folder"
    }
  }
}
