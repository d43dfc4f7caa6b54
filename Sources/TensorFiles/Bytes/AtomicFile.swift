package import Foundation

/// A file that appears under its name whole, or not at all.
///
/// Bytes go to a temporary file in the same folder; ``commit()`` makes them durable and renames the
/// file into place. A reader sees the old file or the new one, never a part, and a mapped old file
/// stays readable. Without a commit, nothing is left behind. What a killed process left is removed when
/// the next file of the same name is begun.
///
///     var file = try AtomicFile(at: url)
///     try file.write(bytes)
///     try file.commit()
///
/// Where `url` is a symbolic link, the link is replaced, not the file that it points to.
package struct AtomicFile: ByteSink, ~Copyable {
  /// The path that the file will have.
  package let path: String
  private let folder: String
  /// Where its bytes are until then.
  let temporaryPath: String
  private let descriptor: Int32
  private var isCommitted = false

  /// Starts a file that will be at `url`, beside its temporary file.
  package init(at url: URL) throws(TensorFileError) {
    guard url.isFileURL else { throw .notRegularFile(path: url.absoluteString) }
    let folder = url.deletingLastPathComponent().path
    let temporary = try Self.create(for: url.path, in: folder)
    self.path = url.path
    self.folder = folder
    self.temporaryPath = temporary.path
    self.descriptor = temporary.descriptor
  }

  /// Creates the temporary file; a failure is told about the file that it stands for.
  private static func create(
    for path: String, in folder: String
  ) throws(TensorFileError) -> (path: String, descriptor: Int32) {
    do throws(TensorFileError) {
      // First, as they may hold the space that the new one needs.
      UnfinishedFiles.removeDead(for: path, in: folder)
      return try UnfinishedFiles.create(for: path, in: folder)
    } catch {
      throw error.naming(path, in: folder)
    }
  }

  deinit {
    _ = close(descriptor)
    guard !isCommitted else { return }
    SystemCalls.remove(temporaryPath)
    UnfinishedFiles.leave(temporaryPath)
  }

  package mutating func write<Element: BitwiseCopyable>(
    _ elements: Span<Element>
  ) throws(TensorFileError) {
    try SystemCalls.write(elements, to: descriptor, path: path)
  }

  /// Goes to a place from which on the next bytes are written; what was never written before it is zeros.
  mutating func seek(to offset: Int) throws(TensorFileError) {
    guard lseek(descriptor, off_t(offset), SEEK_SET) == offset else {
      throw SystemCalls.failure(path, doing: "write to it")
    }
  }

  /// Writes over bytes that were written before.
  mutating func replace(at offset: Int, with bytes: [UInt8]) throws(TensorFileError) {
    try seek(to: offset)
    try SystemCalls.write(bytes.span, to: descriptor, path: path)
    _ = lseek(descriptor, 0, SEEK_END)
  }

  /// Returns when all bytes so far would survive a power cut, so that ``commit()`` is quick.
  package borrowing func synchronize() throws(TensorFileError) {
    try SystemCalls.synchronize(descriptor, path: path)
  }

  /// Makes the bytes durable, gives the file its name, and makes the name durable.
  ///
  /// - Throws: ``TensorFileError``; the temporary file is then removed.
  package consuming func commit() throws(TensorFileError) {
    try SystemCalls.synchronize(descriptor, path: path)
    try SystemCalls.rename(temporaryPath, to: path)
    isCommitted = true
    UnfinishedFiles.leave(temporaryPath)
    try SystemCalls.synchronize(folder: folder)
  }

  /// Writes a whole file; nothing is left behind after an error.
  package static func write(_ bytes: [UInt8], to url: URL) throws(TensorFileError) {
    var file = try AtomicFile(at: url)
    try file.write(bytes)
    try file.commit()
  }

  /// Writes a whole file of UTF-8 text.
  package static func write(_ text: String, to url: URL) throws(TensorFileError) {
    try write(Array(text.utf8), to: url)
  }
}

extension SystemCalls {
  /// `fsync(2)`.
  static func synchronize(_ descriptor: Int32, path: String) throws(TensorFileError) {
    guard fsync(descriptor) == 0 else { throw failure(path, doing: "make it durable") }
  }

  /// `fsync(2)` of a folder, where the file system has such a thing.
  package static func synchronize(folder: String) throws(TensorFileError) {
    let descriptor = try open(folder, O_RDONLY | O_CLOEXEC, doing: "make its entries durable")
    defer { _ = close(descriptor) }
    guard fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP else {
      throw failure(folder, doing: "make its entries durable")
    }
  }
}

extension TensorFileError {
  /// The same failure to create a file, told about `path` instead of the temporary file.
  fileprivate func naming(_ path: String, in folder: String) -> TensorFileError {
    switch self {
    case .notFound: .missingFolder(path: path, folder: folder)
    case .notRegularFile: .notRegularFile(path: path)
    case .permissionDenied(_, let operation): .permissionDenied(path: path, operation: operation)
    case .readOnly: .readOnly(path: path)
    case .noSpace: .noSpace(path: path)
    case .operationFailed(_, let operation, let code, let reason):
      .operationFailed(path: path, operation: operation, code: code, reason: reason)
    default: self
    }
  }
}

extension AtomicFile {
  /// Removes the temporary files of all that is not committed, and folders that are not whole, in a process that is about to end.
  ///
  /// From then on no file can be begun or committed in this process.
  package static func abandonAll() { UnfinishedFiles.abandonAll() }
}
