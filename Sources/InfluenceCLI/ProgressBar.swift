import Foundation
import InfluenceKit
import Reporting
import Synchronization

/// A line on a terminal that says how far long work has come; silent for short work and in pipes.
final class ProgressBar: Sendable {
  private struct State {
    var lastDrawn: ContinuousClock.Instant?
    var drawnWidth = 0
  }

  private let state = Mutex(State())
  private let start = ContinuousClock.now
  private let isActive: Bool

  /// Work shorter than this shows nothing.
  private static let patience = Duration.seconds(2)
  private static let interval = Duration.milliseconds(100)

  init(quiet: Bool) { isActive = !quiet && Console.isTerminal }

  /// What the library calls.
  var handler: ProgressHandler? {
    guard isActive else { return nil }
    return { [self] stage, fraction in update(stage, fraction) }
  }

  private func update(_ stage: String, _ fraction: Double) {
    let now = ContinuousClock.now
    let elapsed = now - start
    guard elapsed > Self.patience else { return }
    state.withLock { state in
      if let last = state.lastDrawn, now - last < Self.interval, fraction < 1 { return }
      state.lastDrawn = now
      let share = min(1, max(0, fraction))
      let filled = Int(share * 24)
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
      let spent = Double(elapsed.components.seconds)
      let left = share > 0.02 ? " \(NumberFormat.seconds(spent / share * (1 - share))) left" : ""
      let line = "\(bar) \(Int(share * 100)) % \(stage)\(left)"
      let padding = String(repeating: " ", count: max(0, state.drawnWidth - line.count))
      Console.raw("\r\(line)\(padding)")
      state.drawnWidth = line.count
    }
  }

  /// Clears the line.
  func finish() {
    state.withLock { state in
      guard state.drawnWidth > 0 else { return }
      Console.raw("\r\(String(repeating: " ", count: state.drawnWidth))\r")
      state.drawnWidth = 0
    }
  }
}
