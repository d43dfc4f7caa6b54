internal import TensorFiles

/// Byte-pair encoding by a list of merges: pairs of tokens, those that merge first before others.
///
/// It begins with single bytes (GPT-2, RoBERTa, Llama 3) or with single scalars (Llama 2).
struct MergeListModel: SegmentationModel, MergeRule {
  private let merges: [UInt64: Merge]
  /// The token of each byte, where the model works on bytes.
  private let byteTokens: [Int?]?
  /// Whole tokens as the text has them.
  private let trie: TokenTrie
  private let unknown: UnknownCharacters
  private let takesWholeWords: Bool

  /// - Parameters:
  ///   - merges: Pairs of tokens; both, and what they become, must be in the vocabulary.
  ///   - isByteLevel: Whether tokens are written in the ``ByteAlphabet``.
  ///   - takesWholeWords: Whether a word that is a token is not merged from its parts.
  init(
    vocabulary: Vocabulary, merges: [(String, String)], isByteLevel: Bool,
    unknown: UnknownCharacters, takesWholeWords: Bool, path: String
  ) throws(TokenizerError) {
    var table: [UInt64: Merge] = [:]
    table.reserveCapacity(merges.count)
    for (rank, (left, right)) in merges.enumerated() {
      func id(_ token: String) throws(TokenizerError) -> Int {
        guard let id = vocabulary.id(of: token) else {
          throw .malformed(
            path: path, place: "merge \(rank)",
            problem: "\(left.quoted) and \(right.quoted) need the token \(token.quoted), "
              + "which is not in the vocabulary")
        }
        return id
      }
      guard !left.isEmpty, !right.isEmpty else {
        throw .malformed(
          path: path, place: "merge \(rank)", problem: "one of its two sides is empty")
      }
      let key = Self.key(try id(left), try id(right))
      guard table[key] == nil else {
        throw .malformed(
          path: path, place: "merge \(rank)",
          problem: "\(left.quoted) and \(right.quoted) are there twice")
      }
      table[key] = Merge(rank: rank, id: try id(left + right))
    }
    self.merges = table
    trie = vocabulary.tree { isByteLevel ? ByteAlphabet.bytes(of: $1) : Array($1.utf8) }
    byteTokens =
      isByteLevel ? ByteAlphabet.characters.map { vocabulary.id(of: String($0)) } : nil
    (self.unknown, self.takesWholeWords) = (unknown, takesWholeWords)
  }

  func tokens(of text: [UInt8], _ range: Range<Int>) throws(TokenizerError) -> [Int] {
    if takesWholeWords, let id = trie.value(of: text, range) { return [id] }
    var symbols: [MergeSymbol] = []
    symbols.reserveCapacity(range.count)
    var index = range.lowerBound
    while index < range.upperBound {
      let end = index + (byteTokens == nil ? text.scalar(at: index).width : 1)
      let known = byteTokens.map { $0[Int(text[index])] } ?? trie.value(of: text, index..<end)
      if let known {
        symbols.append(MergeSymbol(range: index..<end, id: known))
      } else {
        let ids = try unknown.ids(for: text, index..<end)
        if ids.count == 1, ids[0] == unknown.id, unknown.fuses, let last = symbols.last,
          last.id == unknown.id, last.isFixed
        {
          symbols[symbols.count - 1].range = last.range.lowerBound..<end
        } else {
          // Several ids are one for each byte.
          for (offset, id) in ids.enumerated() {
            let last = offset == ids.count - 1
            symbols.append(
              MergeSymbol(
                range: index + offset..<(last ? end : index + offset + 1), id: id,
                isFixed: id == unknown.id))
          }
        }
      }
      index = end
    }
    return merged(symbols, in: text).compactMap(\.id)
  }

  func merge(_ left: MergeSymbol, _ right: MergeSymbol, in text: [UInt8]) -> Merge? {
    guard let first = left.id, let second = right.id else { return nil }
    return merges[Self.key(first, second)]
  }

  private static func key(_ left: Int, _ right: Int) -> UInt64 {
    UInt64(left) << 32 | UInt64(right)
  }
}
