import CTerminal
import Foundation
import InfluenceKit
import Reporting

/// Standard output, which takes results, and standard error, which takes what is not a result.
///
/// All that the program prints goes through here: names, ids, texts and paths come from other people's files, and
/// may hold escape sequences, line breaks, or marks that turn the direction of writing. Lines are made inert;
/// tables and JSON are so by themselves.
enum Console {
  /// Writes lines of standard output; an empty one is a blank line.
  static func print(_ lines: String...) { print(lines) }

  /// Writes lines of standard output.
  static func print(_ lines: [String]) {
    for line in lines { Swift.print(line.inert) }
  }

  /// Writes a table to standard output.
  static func print(_ table: Table) { Swift.print(table.plainText(), terminator: "") }

  /// Writes a shaded text to standard output, a few columns in.
  static func print(_ text: ShadedText, indent: Int, color: ShadedText.Color) {
    let shown = color.isOn ? text.colored : text.marked
    Swift.print(String(repeating: " ", count: indent) + shown)
  }

  /// Writes JSON to standard output.
  static func print(_ json: OrderedJSON) throws { Swift.print(try json.serialized(.indented)) }

  /// Writes this program's own text, such as its help, to standard output.
  static func print(own text: String) {
    Swift.print(text, terminator: text.hasSuffix("\n") ? "" : "\n")
  }

  /// Writes a line of standard error.
  static func error(_ line: String) { raw(line.inert + "\n") }

  /// Writes warnings, one per line.
  static func warn(_ warnings: [String]) {
    for warning in warnings { error("warning: \(Advice.withOptions(warning))") }
  }

  /// Writes this program's own text to standard error, as it is.
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

  /// How many columns the terminal that takes results has; nil where results go elsewhere.
  static var columns: Int? {
    let columns = Int(influence_terminal_columns(STDOUT_FILENO))
    return columns > 0 ? columns : nil
  }

  /// A path as short as a person would type it: relative where it lies below the current folder.
  static func shortened(_ path: String) -> String {
    let base = FileManager.default.currentDirectoryPath
    return path.hasPrefix(base + "/") ? String(path.dropFirst(base.count + 1)) : path
  }
}
