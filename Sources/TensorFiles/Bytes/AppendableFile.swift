package import Foundation

/// A file that grows at its end, and can be cut back to what is known to be whole.
///
/// For files too large to be written at one go: append, ``synchronize()``, then record the length
/// elsewhere with an ``AtomicFile``. After a crash, open it with the recorded length; what was
/// written past it is dropped.
package struct AppendableFile: ByteSink, ~Copyable {
  package let path: String
  /// Bytes in the file: those kept when it was opened, and those appended since.
  package private(set) var count: Int
  private let descriptor: Int32

  /// Opens a file for appending after its first `count` bytes; creates it where there is none.
  ///
  /// The rest is dropped, and a file of fewer bytes is an error.
  package init(at url: URL, keeping count: Int) throws(TensorFileError) {
    guard url.isFileURL else { throw .notRegularFile(path: url.absoluteString) }
    let descriptor = try Self.open(url, keeping: count)
    self.path = url.path
    self.count = count
    self.descriptor = descriptor
  }

  private static func open(_ url: URL, keeping count: Int) throws(TensorFileError) -> Int32 {
    let path = url.path
    let descriptor: Int32
    do throws(TensorFileError) {
      descriptor = try SystemCalls.open(
        path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, doing: "write to it")
    } catch .notFound {
      throw .missingFolder(path: path, folder: url.deletingLastPathComponent().path)
    } catch {
      throw error
    }
    do throws(TensorFileError) {
      let size = try SystemCalls.stamp(ofRegularFile: descriptor, path: path).size
      guard count >= 0, size >= count else {
        throw .truncated(path: path, offset: 0, needed: UInt64(max(count, 0)), fileSize: size)
      }
      guard ftruncate(descriptor, off_t(count)) == 0, lseek(descriptor, 0, SEEK_END) == count else {
        throw SystemCalls.failure(path, doing: "cut it to \(count) bytes")
      }
    } catch {
      _ = close(descriptor)
      throw error
    }
    return descriptor
  }

  deinit { _ = close(descriptor) }

  /// Appends; after an error, such as a full disk, open the file again with the last good count.
  package mutating func write<Element: BitwiseCopyable>(
    _ elements: Span<Element>
  ) throws(TensorFileError) {
    try SystemCalls.write(elements, to: descriptor, path: path)
    count += elements.count * MemoryLayout<Element>.stride
  }

  /// Returns when everything appended so far would survive a power cut.
  package borrowing func synchronize() throws(TensorFileError) {
    try SystemCalls.synchronize(descriptor, path: path)
  }
}
