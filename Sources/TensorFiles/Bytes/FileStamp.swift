import Foundation

/// By what a file is known again: which file it is, how large, and when it was last written.
struct FileStamp: Sendable, Equatable {
  /// The number of bytes.
  let size: Int
  private let device: UInt64
  private let inode: UInt64
  private let seconds: Int
  private let nanoseconds: Int

  init(_ status: stat) {
    size = Int(status.st_size)
    device = UInt64(truncatingIfNeeded: status.st_dev)
    inode = UInt64(status.st_ino)
    #if os(Linux)
      let written = status.st_mtim
    #else
      let written = status.st_mtimespec
    #endif
    seconds = Int(written.tv_sec)
    nanoseconds = Int(written.tv_nsec)
  }

  /// What has happened to the file since; nil for nothing.
  ///
  /// - Parameter now: What is there now; nil where nothing is.
  func change(to now: FileStamp?) -> String? {
    guard let now else { return "was removed" }
    guard now != self else { return nil }
    if now.device != device || now.inode != inode { return "was replaced by another file" }
    return now.size == size
      ? "was written to" : "went from \(size) to \(now.size) bytes"
  }
}
