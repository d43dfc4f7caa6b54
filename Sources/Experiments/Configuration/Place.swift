/// Where a value comes from.
package enum Place: Sendable, Hashable, CustomStringConvertible {
  /// A line and a column of a file, both from 1.
  case file(String, line: Int, column: Int)
  case override

  package var description: String {
    switch self {
    case .file(let path, let line, let column): "\(path):\(line):\(column)"
    case .override: "an override"
    }
  }
}
