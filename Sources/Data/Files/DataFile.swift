package import Foundation

/// Reads whole files, decompressed where they are compressed.
package enum DataFile {
  /// The bytes of a file.
  ///
  /// Compression is told by the first two bytes, not by the name. Where there is no such file, the same
  /// name with `.gz` added or taken away is read.
  static func bytes(of url: URL) throws(DataFileError) -> [UInt8] {
    let source = try existing(url)
    let data: Data
    do {
      data = try Data(contentsOf: source)
    } catch {
      throw .unreadable(path: source.path, reason: error.localizedDescription)
    }
    guard data.starts(with: [0x1F, 0x8B]) else { return Array(data) }
    return try decompressed(source)
  }

  /// The text of a file in UTF-8.
  static func text(of url: URL) throws(DataFileError) -> String {
    let bytes = try bytes(of: url)
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

  /// The output of `gzip -dc`, which any system that has such files has.
  private static func decompressed(_ url: URL) throws(DataFileError) -> [UInt8] {
    guard let program = gzip(searching: ProcessInfo.processInfo.environment["PATH"] ?? "") else {
      throw .gzipMissing(path: url.path)
    }
    let process = Process()
    let (output, complaints) = (Pipe(), Pipe())
    process.executableURL = program
    process.arguments = ["-dc"]
    process.standardOutput = output
    process.standardError = complaints
    do {
      // By standard input, so that neither the name nor the number of links matters to gzip.
      process.standardInput = try FileHandle(forReadingFrom: url)
      try process.run()
      let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
      let text = try complaints.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      guard process.terminationReason == .exit, process.terminationStatus == 0 else {
        let reason = String(decoding: text, as: UTF8.self)
          .split(whereSeparator: \.isNewline).joined(separator: " ")
        throw DataFileError.damagedArchive(
          path: url.path, reason: reason.isEmpty ? "gzip failed" : reason)
      }
      return Array(bytes)
    } catch let error as DataFileError {
      throw error
    } catch {
      throw .unreadable(path: url.path, reason: error.localizedDescription)
    }
  }

  /// The program `gzip` in the first folder of a search path that has it.
  package static func gzip(searching path: String) -> URL? {
    path.split(separator: ":").lazy
      .map { URL(fileURLWithPath: String($0), isDirectory: true).appendingPathComponent("gzip") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }
}
