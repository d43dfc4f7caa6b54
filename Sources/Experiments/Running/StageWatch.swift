internal import OrderedCollections

/// Seconds by what they were spent on.
struct StageWatch {
  private(set) var seconds: OrderedDictionary<String, Double> = [:]
  private let clock = ContinuousClock()

  /// Does some work, and adds its seconds to those of the stage.
  mutating func time<Value>(_ stage: String, _ work: () throws -> Value) rethrows -> Value {
    let start = clock.now
    let value = try work()
    seconds["\(stage) seconds", default: 0] += (clock.now - start) / .seconds(1)
    return value
  }
}
