// The one file of this target with unsafe code: the memory map and the calls to the operating system.

internal import CMappedFiles
public import Foundation
package import LinearAlgebra

/// A file's bytes, mapped read-only into memory: read when touched, dropped when memory is short.
///
/// Every access is checked against the size that the file had when it was opened. Replace files by renaming
/// others to their names, never by truncating or writing over them: what another process writes into a mapped
/// file shows here at any moment, and where a file is cut short, the operating system ends the process that
/// touches a page behind the cut. `requireUnchanged()` tells afterwards; `watchForLostPages(status:)` makes
/// an error of the second.
@safe
public final class MemoryMap: @unchecked Sendable {
  /// The file's path.
  public let path: String
  /// The number of bytes.
  public let count: Int
  private let base: UnsafeRawPointer?
  /// What the file was when it was opened.
  private let stamp: FileStamp
  private let range: UnsafeMutableRawPointer?

  /// Maps the file at `url`; an empty file gives an empty map.
  ///
  /// - Throws: ``TensorFileError`` where there is no such file, it is a folder, a device or a pipe,
  ///   or it cannot be read.
  /// - Complexity: O(1); no byte is read yet.
  public init(opening url: URL) throws(TensorFileError) {
    guard url.isFileURL else { throw .notRegularFile(path: url.absoluteString) }
    path = url.path
    let descriptor = try SystemCalls.open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, doing: "read it")
    defer { _ = close(descriptor) }
    stamp = try SystemCalls.stamp(ofRegularFile: descriptor, path: path)
    FileWatch.note(path) { [path, stamp] in stamp.change(to: SystemCalls.stamp(ofFileAt: path)) }
    count = stamp.size
    guard count > 0 else {
      unsafe (base, range) = (nil, nil)
      return
    }
    let address = unsafe mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw SystemCalls.failure(path, doing: "map it into memory")
    }
    unsafe base = UnsafeRawPointer(address)
    unsafe range = influence_mapped(address, count, path)
  }

  deinit {
    if let base = unsafe base {
      unsafe influence_unmapped(range)
      unsafe munmap(UnsafeMutableRawPointer(mutating: base), count)
    }
  }

  /// Calls `body` with `count` little-endian integers that start at `byteOffset`, without a copy.
  ///
  /// A `byteOffset` that is not a multiple of the integer's size is an error.
  package func withElements<Element: FixedWidthInteger & BitwiseCopyable, Result>(
    of type: Element.Type, byteOffset: Int, count: Int,
    _ body: (Span<Element>) throws(TensorFileError) -> Result
  ) throws(TensorFileError) -> Result {
    let start = unsafe try address(of: type, byteOffset: byteOffset, count: count)
    let buffer = unsafe UnsafeBufferPointer(start: start, count: start == nil ? 0 : count)
    return try body(unsafe buffer.span)
  }

  /// A copy of `count` little-endian integers that start at any `byteOffset`, aligned or not.
  package func elements<Element: FixedWidthInteger & BitwiseCopyable>(
    of type: Element.Type, byteOffset: Int, count: Int
  ) throws(TensorFileError) -> [Element] {
    let size = MemoryLayout<Element>.stride
    let range = try byteRange(from: byteOffset, count: count, of: size)
    guard let base = unsafe base, count > 0 else { return [] }
    return unsafe Array(unsafeUninitializedCapacity: count) { buffer, initialized in
      unsafe UnsafeMutableRawBufferPointer(buffer).copyMemory(
        from: UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count))
      initialized = count
    }
  }

  /// Looks at stored numbers in place, as a row-major matrix that keeps this map alive.
  ///
  /// Element (0, 0) starts at `byteOffset`, which must be aligned, and rows are `rowStride` elements apart.
  package func view<Element: Scalar>(
    of type: Element.Type, byteOffset: Int, rows: Int, columns: Int, rowStride: Int? = nil
  ) throws(TensorFileError) -> MatrixView<Element> {
    let rowStride = rowStride ?? columns
    let extent = try extent(
      ofRows: rows, columns: columns, rowStride: rowStride,
      elementSize: MemoryLayout<Element>.stride)
    guard extent > 0,
      let start = unsafe try address(of: type, byteOffset: byteOffset, count: extent)
    else { return Matrix(rows: rows, columns: columns, elements: []).view }
    return unsafe MatrixView(
      unsafeBase: start, owner: self, rows: rows, columns: columns, rowStride: rowStride)
  }

  private func address<Element>(
    of type: Element.Type, byteOffset: Int, count: Int
  ) throws(TensorFileError) -> UnsafePointer<Element>? {
    _ = try byteRange(from: byteOffset, count: count, of: MemoryLayout<Element>.stride)
    guard byteOffset.isMultiple(of: MemoryLayout<Element>.alignment) else {
      throw .misaligned(
        path: path, offset: byteOffset, alignment: MemoryLayout<Element>.alignment)
    }
    return unsafe base.map { unsafe ($0 + byteOffset).assumingMemoryBound(to: type) }
  }

  /// Tells the operating system how `range` (all bytes unless given) will be used.
  ///
  /// A hint: it changes no result, never fails, and parts outside the file are ignored.
  package func advise(_ advice: Advice, range: Range<Int>? = nil) {
    let range = (range ?? 0..<count).clamped(to: 0..<count)
    guard let base = unsafe base, !range.isEmpty, let code = advice.code else { return }
    let start = range.lowerBound & ~(SystemCalls.pageSize - 1)
    _ = unsafe madvise(
      UnsafeMutableRawPointer(mutating: base + start), range.upperBound - start, code)
  }

  /// Reads `range` into memory, and returns when it is there, so that touching it is no page fault any more.
  ///
  /// - Returns: False where the system cannot do so (Linux before 5.14, others), or where the file no longer has these bytes.
  package func load(_ range: Range<Int>) -> Bool {
    #if os(Linux)
      let range = range.clamped(to: 0..<count)
      guard let base = unsafe base, !range.isEmpty else { return true }
      let start = range.lowerBound & ~(SystemCalls.pageSize - 1)
      // MADV_POPULATE_READ, which older headers do not name.
      return unsafe madvise(
        UnsafeMutableRawPointer(mutating: base + start), range.upperBound - start, 22) == 0
    #else
      return false
    #endif
  }
}

extension MemoryMap {
  /// Makes sure that the file is the one that was opened, of the same size and last written at the same time.
  ///
  /// - Throws: ``TensorFileError/changed(path:change:)``: what was read since may be of both.
  package func requireUnchanged() throws(TensorFileError) {
    if let change = stamp.change(to: SystemCalls.stamp(ofFileAt: path)) {
      throw .changed(path: path, change: change)
    }
  }

  /// From now on a page that a mapped file cannot give any more stops the thread that touches it.
  ///
  /// - Parameter status: What the process ends with if nobody ends it within some seconds.
  /// - Returns: A descriptor that becomes readable then; nil where the system refuses.
  package static func watchForLostPages(status: Int32) -> Int32? {
    let descriptor = influence_watch_mapped_files(status)
    return descriptor >= 0 ? descriptor : nil
  }

  /// The error about the file that lost a page; nil while none has.
  package static var lostPage: TensorFileError? {
    guard let path = unsafe influence_lost_file() else { return nil }
    return .changed(
      path: unsafe String(cString: path), change: "was cut short, or its disk failed,")
  }

  /// How many pages of `range` are in memory, so that touching them reads nothing, of those that are looked at.
  ///
  /// - Parameters:
  ///   - range: Bytes of the file.
  ///   - most: At most so many pages are looked at, spread evenly; all are where there are no more.
  /// - Complexity: one system call for each page that is looked at.
  package func residentPages(
    in range: Range<Int>, lookingAt most: Int = .max
  ) -> (resident: Int, total: Int) {
    let range = range.clamped(to: 0..<count)
    guard let base = unsafe base, !range.isEmpty else { return (0, 0) }
    let pageSize = SystemCalls.pageSize
    let first = range.lowerBound / pageSize
    let pages = (range.upperBound - 1) / pageSize + 1 - first
    let total = min(most, pages)
    let resident = (0..<total).count { part in
      // A place that moves from part to part: rows and blocks repeat at fixed distances.
      let (start, end) = (part * pages / total, (part + 1) * pages / total)
      let page = unsafe base + (first + start + part % (end - start)) * pageSize
      var flags: UInt8 = 0
      let code = unsafe mincore(UnsafeMutableRawPointer(mutating: page), pageSize, &flags)
      return code == 0 && flags & 1 == 1
    }
    return (resident, total)
  }
}

/// The calls to the operating system that take addresses, each with its failure made an error.
package enum SystemCalls {
  /// Bytes in a page of memory; a power of two.
  static let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))

  /// `open(2)`, with mode 0666 for a new file; gives the descriptor.
  package static func open(
    _ path: String, _ flags: Int32, doing operation: String
  ) throws(TensorFileError) -> Int32 {
    while true {
      let descriptor = unsafe Foundation.open(path, flags, 0o666)
      if descriptor >= 0 { return descriptor }
      if errno != EINTR { throw failure(path, doing: operation) }
    }
  }

  /// `fstat(2)`: what a file is that is neither a folder, nor a device, nor a pipe.
  static func stamp(
    ofRegularFile descriptor: Int32, path: String
  ) throws(TensorFileError) -> FileStamp {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw failure(path, doing: "read its size")
    }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegularFile(path: path) }
    return FileStamp(status)
  }

  /// `fstatat(2)`; nil where nothing is at the path any more.
  static func stamp(ofFileAt path: String) -> FileStamp? {
    var status = stat()
    return unsafe fstatat(AT_FDCWD, path, &status, 0) == 0 ? FileStamp(status) : nil
  }

  /// `write(2)`, until every byte of `elements` is written.
  package static func write<Element: BitwiseCopyable>(
    _ elements: Span<Element>, to descriptor: Int32, path: String
  ) throws(TensorFileError) {
    let code = unsafe elements.withUnsafeBytes { unsafe write($0, to: descriptor) }
    guard code == 0 else { throw failure(path, doing: "write to it", code: code) }
  }

  /// Linux keeps what one call writes in pages of up to its size; larger ones than these are entered piece by piece when mapped.
  private static let bytesWrittenAtOnce = 4 << 20

  /// The code of a failure, or 0.
  private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int32 {
    var written = 0
    let start = bytes.count > bytesWrittenAtOnce ? max(0, Int(lseek(descriptor, 0, SEEK_CUR))) : 0
    while written < bytes.count {
      let most = bytesWrittenAtOnce - (start + written) % bytesWrittenAtOnce
      let step = unsafe Foundation.write(
        descriptor, bytes.baseAddress.map { unsafe $0 + written }, min(most, bytes.count - written))
      if step > 0 {
        written += step
      } else if step < 0, errno == EFAULT {
        // They lie in a mapped file that was cut short. A copy touches them, and so tells which file.
        let copy = unsafe [UInt8](bytes[written...])
        return unsafe copy.withUnsafeBytes { unsafe write($0, to: descriptor) }
      } else if step == 0 || errno != EINTR {
        return step == 0 ? EIO : errno
      }
    }
    return 0
  }

  /// `rename(2)`.
  package static func rename(_ source: String, to path: String) throws(TensorFileError) {
    guard unsafe Foundation.rename(source, path) == 0 else {
      throw failure(path, doing: "put the finished file in place")
    }
  }

  /// `unlink(2)`; a failure is ignored.
  static func remove(_ path: String) {
    _ = unsafe unlink(path)
  }

  /// `getrlimit(2)`: the bytes of address space that this process may have; nil without a limit.
  package static func addressSpaceLimit() -> Int? {
    var limit = rlimit()
    #if os(Linux)
      let code = unsafe getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
    #else
      let code = unsafe getrlimit(RLIMIT_AS, &limit)
    #endif
    guard code == 0, limit.rlim_cur < rlim_t(Int.max) else { return nil }
    return Int(limit.rlim_cur)
  }

  /// The error for a failed call.
  static func failure(
    _ path: String, doing operation: String, code: Int32 = errno
  ) -> TensorFileError {
    switch code {
    case ENOENT, ENOTDIR: .notFound(path: path)
    case EISDIR: .notRegularFile(path: path)
    case EACCES, EPERM: .permissionDenied(path: path, operation: operation)
    case EROFS: .readOnly(path: path)
    case ENOSPC, EDQUOT: .noSpace(path: path)
    default:
      .operationFailed(
        path: path, operation: operation, code: code,
        reason: unsafe String(cString: strerror(code)))
    }
  }
}
