/// BERT's model: of each word the longest token that it begins with, then the longest that continues it, and so on.
///
/// A word that cannot be spelled so is one unknown token as a whole.
struct WordPieceModel: SegmentationModel {
  private let trie: TokenTrie
  /// The node of the prefix of tokens that continue a word.
  private let continuation: Int?
  private let unknown: Int
  private let longestWord: Int

  /// - Parameters:
  ///   - prefix: What marks tokens that continue a word, `##`.
  ///   - longestWord: The most scalars of a word; a longer one is unknown.
  init(vocabulary: Vocabulary, prefix: String, unknown: Int, longestWord: Int) {
    trie = vocabulary.tree { Array($1.utf8) }
    let prefix = Array(prefix.utf8)
    continuation = trie.node(over: prefix, prefix.indices)
    (self.unknown, self.longestWord) = (unknown, longestWord)
  }

  func tokens(of text: [UInt8], _ range: Range<Int>) throws(TokenizerError) -> [Int] {
    guard text[range].count(where: { $0 & 0xC0 != 0x80 }) <= longestWord else { return [unknown] }
    var ids: [Int] = []
    var start = range.lowerBound
    while start < range.upperBound {
      guard let node = ids.isEmpty ? TokenTrie.root : continuation,
        let match = trie.longest(from: node, in: text, start..<range.upperBound)
      else { return [unknown] }
      ids.append(match.value)
      start = match.end
    }
    return ids
  }
}
