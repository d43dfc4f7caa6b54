import InfluenceKit
import Reporting

/// What a run read and multiplied, how fast, and which of the machine's limits it met.
struct WorkReport {
  let work: RunMeter.Work
  /// How many times all gradients were read.
  let passes: Double
  let seconds: Double
  private let precision: CurvatureOptions.Precision
  private let machine: MachineCalibration?

  /// Shorter runs are not held against the machine: measuring it would take longer.
  private static let patience = 2.0

  /// Twice what measuring takes.
  private static let leastMemory = 256 << 20

  /// - Parameters:
  ///   - work: What was done.
  ///   - training: The store that passes went through.
  ///   - seconds: How long it took.
  ///   - options: Precision and memory of the run.
  ///   - measures: Whether the machine may be measured, which takes a third of a second; it is not where the memory
  ///     budget is short of what that takes.
  init(
    _ work: RunMeter.Work, on training: GradientStore, seconds: Double,
    options: CurvatureOptions, measures: Bool
  ) {
    self.work = work
    self.seconds = seconds
    precision = options.precision
    passes = work.passes(through: training)
    let isAllowed = measures && options.memoryBudget >= Self.leastMemory
    machine = isAllowed && seconds > Self.patience ? .measureBriefly() : nil
  }

  /// The shares of the time that the disk took, and that memory and arithmetic would have taken alone.
  private var shares: [(limit: String, share: Double)]? {
    guard let machine, seconds > 0 else { return nil }
    let rate = precision == .single ? machine.singleRate : machine.doubleRate
    return [
      ("the disk", work.secondsReading / seconds),
      ("memory", Double(work.bytes) / machine.memoryRate / seconds),
      ("arithmetic", Double(work.operations) / rate / seconds),
    ]
  }

  /// `2 passes, 24.0 GB at 6.1 GB/s, 182 GFLOP/s; limited by arithmetic (88 %; memory 31 %, …)`.
  var line: String {
    let count = passes.rounded() == passes ? "\(Int(passes))" : NumberFormat.significant(passes)
    var text =
      "\(count) \(passes == 1 ? "pass" : "passes"), \(NumberFormat.bytes(work.bytes)) at \(rate(work.bytes)) GB/s, \(rate(work.operations)) GFLOP/s in products"
    if let shares = shares?.sorted(by: { $0.share > $1.share }), let first = shares.first {
      let others = shares.dropFirst().map { "\($0.limit) \(percent($0.share))" }
      text +=
        "; limited by \(first.limit) (\(percent(first.share)) of the time; \(others.joined(separator: ", ")))"
    }
    return text
  }

  private func rate(_ count: Int) -> String {
    NumberFormat.significant(Double(count) / max(seconds, 1e-9) / 1e9)
  }

  private func percent(_ share: Double) -> String { "\(Int((100 * share).rounded())) %" }
}
