/// Where a value comes from.
package enum Place: Sendable, Hashable, CustomStringConvertible {
  /// A line and a column of a file, both from 1.
  case file(String, line: Int, column: Int)
  /// The command line.
  case commandLine

  /// The place, as errors begin.
  package var description: String {
    switch self {
    case .file(let path, let line, let column): "\(path):\(line):\(column)"
    case .commandLine: "--set"
    }
  }
}
