import Synchronization

/// Counts what runs read and multiply.
///
/// Give one to ``CurvatureOptions``; fits and scores add to it.
public final class RunMeter: Sendable {
  /// What was read and computed.
  public struct Work: Sendable {
    /// Bytes of the store that passes went through, as they are stored.
    public var bytes = 0
    /// Operations of products with gradients.
    public var operations = 0
    /// Seconds spent on reading files into memory, ahead of passes; 0 where they were there already.
    public var secondsReading = 0.0

    /// No work.
    public init() {}

    /// What was added since an earlier moment.
    public func since(_ earlier: Work) -> Work {
      var work = self
      work.bytes -= earlier.bytes
      work.operations -= earlier.operations
      work.secondsReading -= earlier.secondsReading
      return work
    }
  }

  private let bytes = Atomic<Int>(0)
  private let operations = Atomic<Int>(0)
  private let nanosecondsReading = Atomic<Int>(0)

  /// Starts at nothing.
  public init() {}

  /// What was done so far.
  public var work: Work {
    var work = Work()
    work.bytes = bytes.load(ordering: .relaxed)
    work.operations = operations.load(ordering: .relaxed)
    work.secondsReading = Double(nanosecondsReading.load(ordering: .relaxed)) * 1e-9
    return work
  }

  func add(bytes count: Int, operations number: Int) {
    bytes.wrappingAdd(count, ordering: .relaxed)
    operations.wrappingAdd(number, ordering: .relaxed)
  }

  func addReading(seconds: Double) {
    nanosecondsReading.wrappingAdd(Int(seconds * 1e9), ordering: .relaxed)
  }
}
