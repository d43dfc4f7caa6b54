/// Tokens that are found in a text before it is cut into words: special tokens, and what a user has added.
struct AddedTokens: Sendable {
  /// One of them.
  struct Token: Equatable, Sendable {
    /// The text that it stands for.
    let text: String
    /// Its id.
    let id: Int
    /// Whether it is left out when ids are turned into text.
    var isSpecial = true
    /// Whether it is searched for in normalized text, and is normalized itself.
    var isNormalized = false
    /// Whether it counts only where no letter, digit or underscore touches it.
    var isWord = false
    /// Whether it takes the white space on its left with it.
    var takesLeft = false
    /// Whether it takes the white space on its right with it.
    var takesRight = false
  }

  private let tokens: [Int: Token]
  private let raw: TokenTrie
  private let normalized: TokenTrie

  /// The ids that are left out when ids are turned into text.
  var special: [Int] { tokens.values.filter(\.isSpecial).map(\.id) }

  /// Tokens with different ids; a normalizer changes those that are searched for in normalized text.
  init(_ tokens: [Token], normalizer: TextNormalizer?) {
    self.tokens = Dictionary(tokens.map { ($0.id, $0) }) { $1 }
    var (raw, normalized) = (TokenTrie(), TokenTrie())
    for token in tokens {
      let bytes = Array(token.text.utf8)
      if !token.isNormalized {
        if !bytes.isEmpty { _ = raw.insert(bytes, value: token.id) }
      } else if let bytes = normalizer.map({ $0.normalized(bytes) }) ?? bytes as [UInt8]?,
        !bytes.isEmpty
      {
        _ = normalized.insert(bytes, value: token.id)
      }
    }
    (self.raw, self.normalized) = (raw, normalized)
  }

  /// Cuts a text, from left to right and at the longest token each time, into tokens and what is between them.
  ///
  /// - Parameter afterNormalizing: Whether the text is normalized; other tokens are searched for in it.
  func parts(
    of text: [UInt8], afterNormalizing: Bool
  ) -> [(range: Range<Int>, id: Int?)] {
    let trie = afterNormalizing ? normalized : raw
    var parts: [(Range<Int>, Int?)] = []
    var (taken, index) = (0, 0)
    while index < text.count {
      guard let match = trie.longest(in: text, index..<text.count), let token = tokens[match.value]
      else {
        index += 1
        continue
      }
      var (start, end) = (index, match.end)
      index = end
      if token.isWord, Self.isInsideWord(text, start..<end) { continue }
      if token.takesLeft {
        while start > 0, case let before = text.scalarStart(before: start),
          text.scalarClass(at: before).kind.isSpace
        {
          start = before
        }
        start = max(start, taken)
      }
      if token.takesRight {
        end = text.end(of: end..<text.count) { ScalarClass($0).isSpace }
      }
      // What a token on the left has taken with it is no part of this one.
      if start > taken { parts.append((taken..<start, nil)) }
      parts.append((start..<max(end, start), token.id))
      (taken, index) = (end, max(index, end))
    }
    if taken < text.count { parts.append((taken..<text.count, nil)) }
    return parts
  }

  private static func isInsideWord(_ text: [UInt8], _ range: Range<Int>) -> Bool {
    func isWord(_ scalar: Unicode.Scalar) -> Bool {
      let properties = scalar.properties
      return switch properties.generalCategory {
      case .decimalNumber, .letterNumber, .connectorPunctuation, .nonspacingMark, .spacingMark,
        .enclosingMark:
        true
      default: properties.isAlphabetic
      }
    }
    let (start, end) = (range.lowerBound, range.upperBound)
    if start > 0, isWord(text.scalar(at: text.scalarStart(before: start)).scalar) { return true }
    return end < text.count && isWord(text.scalar(at: end).scalar)
  }
}
