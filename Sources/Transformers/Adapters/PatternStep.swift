/// One instruction of a compiled regular expression; numbers are places of instructions.
enum PatternStep: Sendable, Hashable {
  /// Takes a character of the set, and goes on.
  case take(CharacterSet)
  /// Goes on at both places.
  case fork(Int, Int)
  /// Goes on if the place in the name is right.
  case check(Place)

  /// A condition on a place in a name.
  enum Place: Sendable, Hashable {
    case beginning, end
    case wordBoundary(Bool)
  }

  /// Ranges of Unicode's numbers, or all others.
  struct CharacterSet: Sendable, Hashable {
    var ranges: [ClosedRange<UInt32>]
    var isNegated = false

    func contains(_ scalar: Unicode.Scalar) -> Bool {
      ranges.contains { $0.contains(scalar.value) } != isNegated
    }

    /// What `\w` stands for.
    static let word = CharacterSet(ranges: [48...57, 65...90, 95...95, 97...122])
  }

  /// The most instructions of an expression.
  static let most = 10_000
}

/// Why a regular expression cannot be used.
struct PatternRefusal: Error {
  let problem: String
}
