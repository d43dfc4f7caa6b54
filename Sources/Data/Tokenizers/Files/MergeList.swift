internal import Foundation
internal import TensorFiles

/// Merges as text: two tokens in each line, with a space between them.
enum MergeList {
  /// The two tokens of a line; nil where it is not two.
  static func pair(_ line: some StringProtocol) -> (String, String)? {
    // By bytes: a space that an accent follows is one character with it.
    let sides = Array(line.utf8).split(
      separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard sides.count == 2, !sides[0].isEmpty, !sides[1].isEmpty else { return nil }
    return (String(decoding: sides[0], as: UTF8.self), String(decoding: sides[1], as: UTF8.self))
  }

  /// The merges of `merges.txt`: its first line may be a comment on the version.
  static func read(_ url: URL) throws -> [(String, String)] {
    try TextLines.read(url).enumerated().compactMap { index, line in
      if line.isEmpty || index == 0 && line.hasPrefix("#version") { return nil }
      guard let pair = pair(line) else {
        throw TokenizerError.malformed(
          path: url.path, place: "line \(index + 1)",
          problem: "expected two tokens and a space between them, found \(line.quoted)")
      }
      return pair
    }
  }
}

/// Lines of a text file, whose ends are line feeds alone or behind carriage returns.
enum TextLines {
  /// The lines, without an empty one at the end.
  static func read(_ url: URL) throws -> [String] {
    let bytes = try TokenizerFile.bytes(of: url)
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return try lines.enumerated().map { index, line in
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      guard let text = String(validating: line, as: UTF8.self) else {
        throw TokenizerError.malformed(
          path: url.path, place: "line \(index + 1)", problem: "it holds bytes that are not UTF-8")
      }
      return text
    }
  }
}
