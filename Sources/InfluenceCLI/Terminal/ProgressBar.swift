import Foundation
import InfluenceKit
import Reporting
import Synchronization

/// A line on a terminal that says how far long work has come; silent for short work and in pipes.
final class ProgressBar: Sendable {
  private struct State {
    var lastDrawn: ContinuousClock.Instant?
    var drawnWidth = 0
    /// When the work that `share` measures began: it starts again at zero for the next part.
    var partStart = ContinuousClock.now
    var share = 0.0
    /// What had been read when it began.
    var partWork = RunMeter.Work()
    var isFinished = false
    var interruption: Int?
  }

  private let state = Mutex(State())
  private let start = ContinuousClock.now
  private let isActive: Bool

  /// Work shorter than this shows nothing.
  private static let patience = Duration.seconds(2)
  private static let interval = Duration.milliseconds(100)
  /// The most characters of a line: one that wraps in a narrow terminal cannot be drawn over.
  private static let widest = 78

  /// Counts what the work that is shown reads, if anything does.
  let meter: RunMeter?

  init(quiet: Bool, meter: RunMeter? = nil) {
    isActive = !quiet && Console.isTerminal
    self.meter = meter
    guard isActive else { return }
    let interruption = Interruption.before { [self] in finish() }
    state.withLock { $0.interruption = interruption }
  }

  /// Shows how far some work has come, and clears the line when the work has ended.
  ///
  /// - Parameter work: Is given the handler that the library calls; nil where nothing is drawn.
  static func during<Result>(
    quiet: Bool, meter: RunMeter? = nil, _ work: (ProgressHandler?) throws -> Result
  ) rethrows -> Result {
    let bar = ProgressBar(quiet: quiet, meter: meter)
    defer { bar.finish() }
    return try work(bar.handler)
  }

  /// The handler that the library calls; nil where nothing is drawn.
  var handler: ProgressHandler? {
    guard isActive else { return nil }
    return { [self] stage, fraction in update(stage, fraction) }
  }

  private func update(_ stage: String, _ fraction: Double) {
    let now = ContinuousClock.now
    let share = min(1, max(0, fraction))
    state.withLock { state in
      if share < state.share {
        state.partStart = now
        state.partWork = meter?.work ?? state.partWork
      }
      state.share = share
      guard !state.isFinished, now - start > Self.patience else { return }
      if let last = state.lastDrawn, now - last < Self.interval, share < 1 { return }
      state.lastDrawn = now
      let line = Self.line(
        stage, share, spent: (now - state.partStart) / .seconds(1),
        bytes: meter.map { $0.work.since(state.partWork).bytes })
      let padding = String(repeating: " ", count: max(0, state.drawnWidth - line.count))
      Console.raw("\r\(line)\(padding)")
      state.drawnWidth = line.count
    }
  }

  private static func line(
    _ stage: String, _ share: Double, spent: Double, bytes: Int?
  ) -> String {
    let filled = Int(share * 24)
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
    let percent = "\(Int(share * 100))"
    let padded = String(repeating: " ", count: 3 - percent.count) + percent
    let left =
      share > 0.02 && share < 1
      ? ", \(NumberFormat.seconds((spent / share * (1 - share)).rounded(.up))) left" : ""
    let read =
      bytes.map {
        ", \(NumberFormat.bytes($0)), \(NumberFormat.significant(Double($0) / max(spent, 1e-3) / 1e9)) GB/s"
      } ?? ""
    return String("\(bar) \(padded) % \(stage.inert)\(read)\(left)".prefix(widest))
  }

  /// Clears the line, and draws no more.
  func finish() {
    state.withLock { state in
      state.interruption.map(Interruption.forget)
      state.isFinished = true
      guard state.drawnWidth > 0 else { return }
      Console.raw("\r\(String(repeating: " ", count: state.drawnWidth))\r")
      state.drawnWidth = 0
    }
  }
}
