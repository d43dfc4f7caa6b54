import Foundation

/// The right to give a file, and what belongs to it, their names: one writer has it at a time, and others wait.
///
/// The lock is the operating system's, on a file beside the one that it is for. That file is a temporary one of
/// ``UnfinishedFiles``, so that one of a killed process is removed like any other. A lock on the folder would not
/// do, as the folder may be locked by the same process, for its whole work. Where the file system locks
/// nothing, nobody waits.
struct RenameLock: ~Copyable {
  private let path: String
  private let descriptor: Int32

  /// Takes the lock, after those who asked before.
  ///
  /// - Parameter url: The file that will be renamed to.
  /// - Throws: ``TensorFileError``.
  init(for url: URL) throws(TensorFileError) {
    let path = UnfinishedFiles.lockPath(for: url)
    while true {
      let descriptor = try SystemCalls.open(
        path, O_WRONLY | O_CREAT | O_CLOEXEC, doing: "lock \(url.lastPathComponent)")
      if case .failed(let code) = SystemCalls.lock(descriptor, waiting: true) {
        _ = close(descriptor)
        throw SystemCalls.failure(path, doing: "lock it", code: code)
      }
      // Whoever had the lock has removed its file, and somebody may have made another.
      if SystemCalls.isFile(descriptor, at: path) {
        self.path = path
        self.descriptor = descriptor
        return
      }
      _ = close(descriptor)
    }
  }

  deinit {
    SystemCalls.remove(path)
    // Closing alone would leave the lock to a child that was forked and has not yet begun its own program.
    _ = flock(descriptor, LOCK_UN)
    _ = close(descriptor)
  }
}
