import Foundation
import InfluenceKit

/// Standard error, which takes what is not a result, and the end of standard output.
enum Console {
  /// Writes a line.
  static func error(_ line: String) {
    raw(line + "\n")
  }

  /// Writes warnings, one per line.
  static func warn(_ warnings: [String]) {
    for warning in warnings { error("warning: \(Advice.withOptions(warning))") }
  }

  /// Writes text as it is.
  static func raw(_ text: String) {
    // Where nobody reads on, there is nobody to tell.
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }

  /// Makes sure that what was printed is out, or lost because nobody reads on.
  ///
  /// - Throws: `TensorFileError` where it went into a file that could not take it all.
  static func flushOutput() throws {
    guard fflush(nil) != 0, errno != EPIPE else { return }
    let code = errno
    throw code == ENOSPC
      ? TensorFileError.noSpace(path: "standard output")
      : TensorFileError.operationFailed(
        path: "standard output", operation: "write to it", code: code,
        reason: POSIXError.Code(rawValue: code).map { POSIXError($0).localizedDescription } ?? "")
  }

  /// Whether a person looks at standard error.
  static var isTerminal: Bool {
    isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
  }

  /// A path as short as a person would type it: relative where it lies below the current folder.
  static func shortened(_ path: String) -> String {
    let base = FileManager.default.currentDirectoryPath
    return path.hasPrefix(base + "/") ? String(path.dropFirst(base.count + 1)) : path
  }
}
