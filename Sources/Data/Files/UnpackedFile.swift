internal import CGzip
import Foundation

/// A file that is read once, from its start to its end, and unpacked on the way if gzip has packed it.
///
/// Whether it is packed is told by the first two bytes, not by the name. It may have several members, whose
/// contents follow each other, and zeros behind the last, as `gzip` takes them; what else stands there is an
/// error. Memory is a few buffers of 64 KiB, however large the content is.
struct UnpackedFile {
  private let path: String
  private let handle: FileHandle
  /// Whether gzip has packed it.
  let isPacked: Bool
  /// What was read and not yet given.
  ///
  /// Of a packed file the very last byte says how it ended.
  private var ahead: [UInt8] = []
  private var isAtEnd = false

  /// Opens a file; no content is read yet.
  init(reading url: URL) throws(DataFileError) {
    path = url.path
    do {
      let file = try FileHandle(forReadingFrom: url)
      let start = try file.read(upToCount: 2) ?? Data()
      isPacked = start == Data([0x1F, 0x8B])
      guard isPacked else {
        handle = file
        ahead = Array(start)
        return
      }
      try file.seek(toOffset: 0)
      let descriptor = influence_gunzip(file.fileDescriptor)
      guard descriptor >= 0 else {
        throw DataFileError.unreadable(
          path: path, reason: "there is no memory, descriptor or thread left to unpack it")
      }
      handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    } catch let error as DataFileError {
      throw error
    } catch {
      throw .unreadable(path: path, reason: error.localizedDescription)
    }
  }

  /// The next bytes of the content: so many, or fewer if it ends before.
  ///
  /// - Throws: ``DataFileError`` where the file cannot be read, or its end is reached and it is damaged.
  mutating func read(upTo count: Int) throws(DataFileError) -> [UInt8] {
    let reserved = isPacked ? 1 : 0
    while !isAtEnd, ahead.count < count + reserved {
      let step = try more(upTo: min(count + reserved - ahead.count, 1 << 20))
      if step.isEmpty { isAtEnd = true }
      ahead += step
    }
    if isAtEnd, isPacked, ahead.count <= count + reserved { try checkEnd(ahead.last) }
    let given = min(count, max(ahead.count - reserved, 0))
    defer { ahead.removeFirst(given) }
    return Array(ahead[..<given])
  }

  /// Whether no more than so many bytes are left; reads them, or a few more, and keeps none.
  mutating func ends(within count: Int) throws(DataFileError) -> Bool {
    var left = count
    while left >= 0 {
      let step = try read(upTo: 1 << 16)
      if step.isEmpty { return true }
      left -= step.count
    }
    return false
  }

  private func more(upTo count: Int) throws(DataFileError) -> Data {
    do {
      return try handle.read(upToCount: count) ?? Data()
    } catch {
      throw .unreadable(path: path, reason: error.localizedDescription)
    }
  }

  private func checkEnd(_ code: UInt8?) throws(DataFileError) {
    switch code.map({ influence_gunzip_end(UInt32($0)) }) {
    case influence_gunzip_whole: return
    case influence_gunzip_cut_short:
      throw .damagedArchive(path: path, reason: "it ends in the middle of its packed data")
    case influence_gunzip_garbage:
      throw .damagedArchive(path: path, reason: "behind its packed data stands something else")
    case influence_gunzip_damaged:
      throw .damagedArchive(
        path: path, reason: "its packed data contradicts itself or its checksum")
    default:
      throw .unreadable(path: path, reason: "the system failed while it was unpacked")
    }
  }
}
