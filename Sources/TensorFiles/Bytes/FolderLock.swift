package import Foundation

/// A folder that at most one holder writes to, for as long as this value lives.
///
///     guard let lock = try FolderLock(holding: folder) else { … somebody else writes there … }
///
/// The lock is the operating system's (`flock`, on the folder itself): it leaves no file behind, and
/// goes when its holder ends, however that ends. It only keeps out those who ask for it. Network file
/// systems that cannot lock a folder give a lock that keeps nobody out.
package struct FolderLock: ~Copyable {
  private let descriptor: Int32

  /// Takes the lock; nil where somebody holds it, in this process or in another.
  ///
  /// - Parameter folder: An existing folder.
  /// - Throws: ``TensorFileError`` where the folder is missing or cannot be opened.
  package init?(holding folder: URL) throws(TensorFileError) {
    let path = folder.path
    let descriptor = try SystemCalls.open(
      path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, doing: "read the folder and lock it")
    guard try Self.hold(descriptor, path: path) else {
      _ = close(descriptor)
      return nil
    }
    self.descriptor = descriptor
  }

  private static func hold(_ descriptor: Int32, path: String) throws(TensorFileError) -> Bool {
    switch SystemCalls.lock(descriptor) {
    case .held, .unsupported: return true
    case .taken: return false
    case .failed(let code):
      _ = close(descriptor)
      throw SystemCalls.failure(path, doing: "lock the folder", code: code)
    }
  }

  deinit {
    // Closing alone would leave the lock to a child that was forked and has not yet begun its own program.
    _ = flock(descriptor, LOCK_UN)
    _ = close(descriptor)
  }
}

extension SystemCalls {
  /// What came of asking for a lock.
  enum LockResult: Equatable {
    case held, taken, unsupported
    case failed(code: Int32)
  }

  /// `flock(2)`, exclusive, without waiting unless asked to.
  static func lock(_ descriptor: Int32, waiting: Bool = false) -> LockResult {
    while true {
      if flock(descriptor, waiting ? LOCK_EX : LOCK_EX | LOCK_NB) == 0 { return .held }
      switch errno {
      case EINTR: continue
      case EWOULDBLOCK: return .taken
      // NFS locks nothing that is open for reading alone, and some file systems nothing at all.
      case EBADF, EINVAL, ENOLCK, ENOTSUP, ENOSYS: return .unsupported
      default: return .failed(code: errno)
      }
    }
  }

  /// Whether an open file is the one at a path.
  static func isFile(_ descriptor: Int32, at path: String) -> Bool {
    guard let opened = try? stamp(ofRegularFile: descriptor, path: path) else { return false }
    return stamp(ofFileAt: path) == opened
  }
}
