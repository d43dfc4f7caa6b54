import Synchronization

/// Files that were read for one result, all of which must be the same at its end as when they were opened.
///
///     let watch = FileWatch()
///     let findings = try watch.during { try … }
///     try watch.requireUnchanged()
///
/// A map by itself can only tell of its own file, and only while somebody holds it; what is said of many files, one
/// after the other, needs to know of all of them at the end.
package final class FileWatch: Sendable {
  @TaskLocal private static var current: FileWatch?
  /// By path: what has happened to the file since it was first opened; nil for nothing.
  private let changes = Mutex<[String: @Sendable () -> String?]>([:])

  package init() {}

  /// Notes every file that is opened as a ``MemoryMap`` while `body` runs, in this task.
  package func during<Result>(_ body: () throws -> Result) rethrows -> Result {
    try Self.$current.withValue(self, operation: body)
  }

  /// Makes sure that each file is what it was when it was first opened.
  ///
  /// - Throws: ``TensorFileError/changed(path:change:)``, which names the first by name that was written,
  ///   replaced or removed.
  /// - Complexity: one question to the system for each file.
  package func requireUnchanged() throws(TensorFileError) {
    let changes = changes.withLock { $0 }
    for (path, change) in changes.sorted(by: { $0.key < $1.key }) {
      if let change = change() { throw .changed(path: path, change: change) }
    }
  }

  /// Notes a file that is being opened, for whoever watches.
  static func note(_ path: String, change: @escaping @Sendable () -> String?) {
    current?.changes.withLock { if $0[path] == nil { $0[path] = change } }
  }
}
