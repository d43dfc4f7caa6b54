import Foundation

/// Rewords what the library says for people at a command line: with the option that does it.
enum Advice {
  /// What the library says, and what this program says in its place.
  private static let replacements: [(library: String, program: String)] = [
    (
      "give a larger memory budget, or keep the fit in files",
      "raise --memory, or keep them with `influence fit`"
    ),
    ("give a penalty such as 1e-3", "give --penalty 1e-3"),
  ]

  /// A warning or an error of the library with the options of this program.
  static func withOptions(_ message: String) -> String {
    replacements.reduce(message) {
      $0.replacingOccurrences(of: $1.library, with: $1.program)
    }
  }
}
