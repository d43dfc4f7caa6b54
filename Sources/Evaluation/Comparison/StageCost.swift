/// What a stage of a run took: gradients, fitting, scoring.
public struct StageCost: Sendable, Equatable {
  /// The name of the stage.
  public let name: String
  /// The wall-clock time in seconds.
  public let seconds: Double
  /// The most resident memory of the whole process during the stage, in bytes; nil where the kernel does
  /// not tell (``ProcessMemory``).
  public let peakMemory: Int?

  /// Makes a cost of its parts.
  public init(name: String, seconds: Double, peakMemory: Int?) {
    self.name = name
    self.seconds = seconds
    self.peakMemory = peakMemory
  }

  /// Does some work and measures it.
  ///
  /// The process's peak is reset at the start, so stages are measured one after the other, not inside
  /// each other. Where it cannot be reset, the peak is nil rather than that of an earlier stage.
  ///
  /// - Parameters:
  ///   - name: The name of the stage.
  ///   - work: The stage.
  public static func measuring<Result>(
    _ name: String, _ work: () throws -> Result
  ) rethrows -> (result: Result, cost: StageCost) {
    let isReset = ProcessMemory.resetPeak()
    let clock = ContinuousClock()
    let start = clock.now
    let result = try work()
    let duration = (clock.now - start) / .seconds(1)
    return (
      result,
      StageCost(
        name: name, seconds: duration, peakMemory: isReset ? ProcessMemory.peak : nil)
    )
  }
}
