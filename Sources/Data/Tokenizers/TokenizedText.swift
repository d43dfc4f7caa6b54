/// The tokens of a text, or of a pair of texts, as a model takes them.
public struct TokenizedText: Equatable, Sendable {
  /// The id of each token, special tokens included.
  public let ids: [Int]
  /// The type of each token, one per id: which of the two texts it belongs to, where the model tells them apart.
  public let typeIDs: [Int]
  /// How many tokens were cut off the end of the first text.
  public let cutFromFirst: Int
  /// How many tokens were cut off the end of the second text; 0 where there is none.
  public let cutFromSecond: Int

  /// Whether anything was cut off.
  public var isTruncated: Bool { cutFromFirst + cutFromSecond > 0 }

  /// Cuts texts to a greatest number of tokens, and puts special tokens around them.
  ///
  /// The longer of two texts is cut until it is as long as the other, and then both: "longest first". Where both
  /// share an odd number, the one that was longer has one more, and the second where they were equally long.
  init(_ texts: [[Int]], template: TokenTemplate, maxLength: Int?) throws(TokenizerError) {
    let isPair = texts.count > 1
    let specialCount = template.specialCount(isPair: isPair)
    var kept = texts.map(\.count)
    if let maxLength {
      guard maxLength > specialCount else {
        throw .lengthTooSmall(maxLength: maxLength, specialTokens: specialCount)
      }
      kept = Self.lengths(kept, within: maxLength - specialCount)
    }
    var (ids, types): ([Int], [Int]) = ([], [])
    for part in template.parts(isPair: isPair) {
      let (tokens, type): (ArraySlice<Int>, Int) =
        switch part {
        case .tokens(let tokens, let type): (tokens[...], type)
        case .text(let text, let type): (texts[text].prefix(kept[text]), type)
        }
      ids += tokens
      types += repeatElement(type, count: tokens.count)
    }
    (self.ids, typeIDs) = (ids, types)
    cutFromFirst = texts[0].count - kept[0]
    cutFromSecond = isPair ? texts[1].count - kept[1] : 0
  }

  private static func lengths(_ counts: [Int], within room: Int) -> [Int] {
    guard counts.reduce(0, +) > room else { return counts }
    guard counts.count > 1 else { return [room] }
    let isSwapped = counts[0] > counts[1]
    var (short, long) = isSwapped ? (counts[1], counts[0]) : (counts[0], counts[1])
    long = max(short, room - short)
    if short + long > room {
      short = room / 2
      long = room - short
    }
    return isSwapped ? [long, short] : [short, long]
  }
}
