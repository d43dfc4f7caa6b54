import Synchronization

/// Something that is opened when it is first asked for, and stays open.
package final class OpenedOnce<Value: Sendable>: Sendable {
  private let opened = Mutex<Value?>(nil)

  /// Nothing is open yet.
  package init() {}

  /// What was opened, or is opened now, by one at a time.
  ///
  /// What could not be opened is tried again.
  package func value(_ open: () throws -> Value) throws -> Value {
    try opened.withLock { known in
      if let known { return known }
      let fresh = try open()
      known = fresh
      return fresh
    }
  }
}
