import Foundation
internal import TensorFiles

/// Reads whole files, unpacked where gzip has packed them.
enum DataFile {
  /// What a content of one format can need.
  struct Limit {
    /// The most bytes that the content may have.
    let bytes: Int
    /// Why it cannot have more, as the end of a sentence.
    let reason: String
  }

  /// The most text that is read as a table.
  ///
  /// In memory a cell takes 16 bytes or more and a row 40, so that a table of short cells takes up to 16 times its
  /// text. A table of more than 1 GiB would take hours to encode, and is rather a small file that unpacks to
  /// a huge one.
  static var textLimit: Limit {
    let bytes = min(1 << 30, MachineMemory.bytes / 16)
    return Limit(
      bytes: bytes, reason: "a table of more text would not fit into memory with its cells")
  }

  /// The bytes of a file.
  ///
  /// Where there is no such file, the same name with `.gz` added or taken away is read. A packed file is
  /// unpacked twice, first to see how large its content is, so that no more is held than may be.
  ///
  /// - Parameters:
  ///   - url: The file.
  ///   - headerSize: How many of the first bytes `limit` is given, or fewer where there are fewer.
  ///   - limit: Makes of the first bytes what bounds all of them.
  /// - Throws: ``DataFileError``, also where the content is larger than it can be.
  static func bytes(
    of url: URL, headerSize: Int = 0, limit: (_ start: [UInt8]) throws(DataFileError) -> Limit
  ) throws(DataFileError) -> [UInt8] {
    let source = try existing(url)
    var file = try UnpackedFile(reading: source)
    let start = try file.read(upTo: headerSize)
    let limit = try limit(start)
    let rest = limit.bytes - start.count
    let tooLarge = DataFileError.tooLarge(
      path: source.path, limit: limit.bytes, reason: limit.reason)
    guard rest >= 0 else { throw tooLarge }
    if file.isPacked {
      guard try file.ends(within: rest) else { throw tooLarge }
      file = try UnpackedFile(reading: source)
      _ = try file.read(upTo: start.count)
    }
    let bytes = try start + file.read(upTo: rest)
    guard try file.read(upTo: 1).isEmpty else { throw tooLarge }
    return bytes
  }

  /// The text of a file in UTF-8.
  static func text(of url: URL) throws(DataFileError) -> String {
    let bytes = try bytes(of: url) { _ in textLimit }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let line = 1 + bytes.count { $0 == UInt8(ascii: "\n") }
      throw .notATable(path: url.path, line: line, reason: "bytes that are not UTF-8")
    }
    return text
  }

  private static func existing(_ url: URL) throws(DataFileError) -> URL {
    let other =
      url.pathExtension == "gz" ? url.deletingPathExtension() : url.appendingPathExtension("gz")
    let found = [url, other].first { FileManager.default.fileExists(atPath: $0.path) }
    guard let found else { throw .notFound(path: url.path) }
    return found
  }
}
