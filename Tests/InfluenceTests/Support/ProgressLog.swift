import InfluenceKit
import Synchronization

/// Remembers calls of a progress handler.
final class ProgressLog: Sendable {
  private let calls = Mutex<[(stage: String, fraction: Double)]>([])

  var handler: ProgressHandler {
    { stage, fraction in self.calls.withLock { $0.append((stage, fraction)) } }
  }

  /// The stages in the order of their first call.
  var stages: [String] {
    calls.withLock { calls in
      calls.map(\.stage).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
  }

  func fractions(of stage: String) -> [Double] {
    calls.withLock { $0.filter { $0.stage == stage }.map(\.fraction) }
  }
}
