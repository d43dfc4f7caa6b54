/// The learning rate of each step: it rises linearly from 0, and falls linearly to 0.
///
/// With w steps of warm-up of T in all, step t = 0, 1, … has
///
///     t < w:   η · t / w
///     else:    η · (T − t) / (T − w)
///
/// as `get_linear_schedule_with_warmup` of Hugging Face has it.
public struct LearningRateSchedule: Sendable, Hashable {
  /// η, the largest rate.
  public let peak: Double
  /// T, at least 1.
  public let stepCount: Int
  /// w, in 0 ..< T.
  public let warmupCount: Int

  /// Makes a schedule.
  ///
  /// - Parameters:
  ///   - peak: η, positive.
  ///   - stepCount: T, at least 1.
  ///   - warmup: The share of steps with a rising rate, in 0 ..< 1; w is that share of T, rounded up to below T.
  public init(peak: Double, stepCount: Int, warmup: Double) {
    precondition(stepCount >= 1 && warmup >= 0 && warmup < 1, "\(warmup) of \(stepCount) steps")
    self.peak = peak
    self.stepCount = stepCount
    warmupCount = min(stepCount - 1, Int((warmup * Double(stepCount)).rounded(.up)))
  }

  /// The rate of a step, from 0; 0 for those past the end.
  public func rate(ofStep step: Int) -> Double {
    let share =
      step < warmupCount
      ? Double(step) / Double(warmupCount)
      : Double(max(0, stepCount - step)) / Double(stepCount - warmupCount)
    return peak * share
  }
}
