/// A pattern of names, in which `*` stands for any characters and `?` for one.
struct NamePattern {
  private let characters: [Character]

  init(_ pattern: String) { characters = Array(pattern) }

  /// Whether all of a name fits.
  ///
  /// - Complexity: O(name · pattern).
  func fits(_ name: String) -> Bool {
    // Whether the pattern's first characters fit those of the name that were read.
    var reached = [Bool](repeating: false, count: characters.count + 1)
    reached[0] = true
    func skipStars(_ reached: inout [Bool]) {
      for (place, character) in characters.enumerated() where character == "*" && reached[place] {
        reached[place + 1] = true
      }
    }
    skipStars(&reached)
    for letter in name {
      var next = [Bool](repeating: false, count: reached.count)
      for (place, character) in characters.enumerated() where reached[place] {
        if character == "*" {
          next[place] = true
        } else if character == "?" || character == letter {
          next[place + 1] = true
        }
      }
      skipStars(&next)
      reached = next
    }
    return reached[characters.count]
  }
}
