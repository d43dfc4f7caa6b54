/// A number with its noun: `1 row`, `3 rows`.
struct Counted: CustomStringConvertible {
  let description: String

  /// - Parameter nouns: The noun of any number but 1; with an s at its end unless given.
  init(_ number: Int, _ noun: String, _ nouns: String? = nil) {
    description = "\(number) \(number == 1 ? noun : nouns ?? noun + "s")"
  }
}
