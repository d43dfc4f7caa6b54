package import Foundation
import Synchronization

/// The temporary files of ``AtomicFile``: those that live, and those that a killed process left; and folders that are not whole.
///
/// A temporary file is called `.unfinished-C-R.tmp`, where C is a checksum of the name that it will
/// have and R is random, and is locked by the process that writes it. One that nobody has locked
/// belongs to nobody: the next file of the same name removes it.
package enum UnfinishedFiles {
  private struct State {
    var paths: Set<String> = []
    /// Folders that are filled under a name which is not yet theirs.
    var folders: Set<String> = []
    var isClosed = false
  }

  private static let state = Mutex(State())

  private static func prefix(for name: String) -> String {
    var checksum = Checksum()
    checksum.update(Array(name.utf8).span)
    return ".unfinished-\(checksum)-"
  }

  /// The temporary file that is locked while a file is given its name.
  static func lockPath(for url: URL) -> String {
    let folder = url.deletingLastPathComponent().path
    return "\(folder)/\(prefix(for: url.lastPathComponent))lock.tmp"
  }

  /// Creates and locks a temporary file for a file that will be at `path`.
  static func create(
    for path: String, in folder: String
  ) throws(TensorFileError) -> (path: String, descriptor: Int32) {
    let prefix = prefix(for: URL(filePath: path).lastPathComponent)
    while true {
      let random = String(UInt64.random(in: 0...UInt64.max), radix: 36)
      let temporary = "\(folder)/\(prefix)\(random).tmp"
      guard enter(temporary) else {
        throw .operationFailed(
          path: path, operation: "begin it", code: ECANCELED, reason: "the process is ending")
      }
      do throws(TensorFileError) {
        let descriptor = try SystemCalls.open(
          temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, doing: "write a file beside it")
        // Between its creation and its locking another process may have taken it for a dead one's.
        _ = SystemCalls.lock(descriptor, waiting: true)
        if FileManager.default.fileExists(atPath: temporary) { return (temporary, descriptor) }
        _ = close(descriptor)
        leave(temporary)
      } catch {
        leave(temporary)
        throw error
      }
    }
  }

  /// Removes what killed processes left of earlier files of this name.
  static func removeDead(for path: String, in folder: String) {
    let prefix = prefix(for: URL(filePath: path).lastPathComponent)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for name in names where name.hasPrefix(prefix) && name.hasSuffix(".tmp") {
      let dead = "\(folder)/\(name)"
      guard
        let descriptor = try? SystemCalls.open(dead, O_WRONLY | O_CLOEXEC, doing: "remove it")
      else { continue }
      // Still locked, it belongs to a process that lives. One whose process has just ended may already have made
      // way for another of the same name.
      if SystemCalls.lock(descriptor) == .held, SystemCalls.isFile(descriptor, at: dead) {
        SystemCalls.remove(dead)
      }
      _ = close(descriptor)
    }
  }

  /// Forgets a temporary file that has its name now, or is gone.
  static func leave(_ temporary: String) {
    state.withLock { _ = $0.paths.remove(temporary) }
  }

  /// Remembers a folder of this process's own that is not whole yet.
  package static func enter(folder: URL) { state.withLock { _ = $0.folders.insert(folder.path) } }

  /// Forgets a folder that has its name now, or is gone.
  package static func leave(folder: URL) { state.withLock { _ = $0.folders.remove(folder.path) } }

  private static func enter(_ temporary: String) -> Bool {
    state.withLock { state in
      guard !state.isClosed else { return false }
      state.paths.insert(temporary)
      return true
    }
  }

  /// Removes all temporary files of this process, and lets no new ones begin.
  static func abandonAll() {
    state.withLock { state in
      state.isClosed = true
      for path in state.paths { SystemCalls.remove(path) }
      for path in state.folders { try? FileManager.default.removeItem(atPath: path) }
    }
  }
}
