import Foundation

/// Standard error, for what is not the result.
enum Console {
  /// Writes a line.
  static func error(_ line: String) {
    FileHandle.standardError.write(Data((line + "\n").utf8))
  }

  /// Writes text as it is.
  static func raw(_ text: String) {
    FileHandle.standardError.write(Data(text.utf8))
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
