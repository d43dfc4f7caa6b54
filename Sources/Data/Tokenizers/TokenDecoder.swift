/// How the texts of tokens become one text again.
indirect enum TokenDecoder: Sendable {
  /// The characters of the tokens are bytes.
  case byteLevel
  /// Tokens with the prefix continue a word; others begin one, and spaces before marks may be removed.
  case wordPiece(prefix: [UInt8], tidies: Bool)
  /// The mark becomes a space, or nothing in the first token.
  case metaspace(replacement: [UInt8], dropsFirst: Bool)
  /// One text in place of another, in each token.
  case replace([UInt8], by: [UInt8])
  /// Tokens such as `<0x0A>` become their bytes; bytes that are no UTF-8 become a replacement character each.
  case byteFallback
  /// All tokens become one.
  case fuse
  /// So many of a character are removed from both ends of each token.
  case strip([UInt8], start: Int, end: Int)
  /// Tokens stand with spaces between them.
  case spaces
  /// One after the other.
  case sequence([TokenDecoder])

  /// What SentencePiece does: marks are spaces, of which the text begins with one too many.
  static func sentencePiece(mark: [UInt8], dropsFirstSpace: Bool) -> TokenDecoder {
    let space = [UInt8(ascii: " ")]
    let steps: [TokenDecoder] = [.replace(mark, by: space), .byteFallback, .fuse]
    return .sequence(dropsFirstSpace ? steps + [.strip(space, start: 1, end: 0)] : steps)
  }

  /// The tokens after this step; the text is all of them, one behind the other.
  func decoded(_ tokens: [[UInt8]]) -> [[UInt8]] {
    switch self {
    case .byteLevel:
      return tokens.map { ByteAlphabet.bytes(of: String(decoding: $0, as: UTF8.self)) ?? $0 }
    case .wordPiece(let prefix, let tidies):
      return tokens.enumerated().map { index, token in
        let begins = index == 0 || !token.starts(with: prefix)
        let gap = begins && index > 0 ? [UInt8(ascii: " ")] : []
        let text = gap + token.dropFirst(begins ? 0 : prefix.count)
        return tidies ? Self.tidied(text) : text
      }
    case .metaspace(let replacement, let dropsFirst):
      return tokens.enumerated().map { index, token in
        token.replacing(replacement, with: index == 0 && dropsFirst ? [] : [UInt8(ascii: " ")])
      }
    case .replace(let pattern, let content):
      return tokens.map { $0.replacing(pattern, with: content) }
    case .byteFallback: return Self.withBytes(tokens)
    case .fuse: return [Array(tokens.joined())]
    case .strip(let content, let start, let end):
      return tokens.map { token in
        var rest = token[...]
        var (left, right) = (start, end)
        while left > 0, rest.starts(with: content) {
          rest.removeFirst(content.count)
          left -= 1
        }
        while right > 0, !rest.isEmpty, rest.suffix(content.count) == content[...] {
          rest.removeLast(content.count)
          right -= 1
        }
        return Array(rest)
      }
    case .spaces:
      return tokens.enumerated().map { $0 == 0 ? $1 : [UInt8(ascii: " ")] + $1 }
    case .sequence(let steps): return steps.reduce(tokens) { $1.decoded($0) }
    }
  }

  private static func tidied(_ text: [UInt8]) -> [UInt8] {
    let pairs: [(String, String)] = [
      (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"),
      (" 'm", "'m"), (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ]
    return pairs.reduce(text) { $0.replacing(Array($1.0.utf8), with: Array($1.1.utf8)) }
  }

  private static func withBytes(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var (result, run): ([[UInt8]], [UInt8]) = ([], [])
    func finish() {
      if String(validating: run, as: UTF8.self) != nil {
        if !run.isEmpty { result.append(run) }
      } else {
        result += repeatElement(Array("\u{FFFD}".utf8), count: run.count)
      }
      run = []
    }
    for token in tokens {
      if let byte = ByteToken.byte(of: String(decoding: token, as: UTF8.self)) {
        run.append(byte)
      } else {
        finish()
        result.append(token)
      }
    }
    finish()
    return result
  }
}
