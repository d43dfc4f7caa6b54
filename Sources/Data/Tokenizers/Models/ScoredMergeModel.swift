/// SentencePiece's byte-pair encoding: neighbours that together are a token merge, the highest score first.
struct ScoredMergeModel: SegmentationModel, MergeRule {
  private let trie: TokenTrie
  /// The rank of each token's score among all scores; equal scores have one rank.
  private let ranks: [Int]
  /// Tokens that a text is cut into before anything merges, and that never merge.
  private let fixed: TokenTrie?
  private let unknown: UnknownCharacters

  /// - Parameters:
  ///   - scores: One per token, finite.
  ///   - isPiece: Which tokens a text may be made of; special and byte tokens are none.
  ///   - fixed: Tokens that a user has added to the model.
  init(
    vocabulary: Vocabulary, scores: [Double], isPiece: [Bool], fixed: [Int],
    unknown: UnknownCharacters
  ) {
    trie = vocabulary.tree { isPiece[$0] ? Array($1.utf8) : nil }
    var tree = TokenTrie()
    for id in fixed where !vocabulary.tokens[id].isEmpty {
      _ = tree.insert(vocabulary.tokens[id].utf8, value: id)
    }
    self.fixed = fixed.isEmpty ? nil : tree
    let distinct = Set(scores).sorted(by: >)
    let rank = Dictionary(uniqueKeysWithValues: distinct.enumerated().map { ($1, $0) })
    ranks = scores.map { rank[$0] ?? distinct.count }
    self.unknown = unknown
  }

  func tokens(of text: [UInt8], _ range: Range<Int>) throws(TokenizerError) -> [Int] {
    var symbols: [MergeSymbol] = []
    symbols.reserveCapacity(range.count)
    var index = range.lowerBound
    while index < range.upperBound {
      if let match = fixed?.longest(in: text, index..<range.upperBound) {
        symbols.append(MergeSymbol(range: index..<match.end, id: match.value, isFixed: true))
        index = match.end
      } else {
        let end = index + text.scalar(at: index).width
        let node = trie.node(over: text, index..<end)
        let id = node.flatMap { trie.value(at: $0) }
        symbols.append(MergeSymbol(range: index..<end, id: id, node: node))
        index = end
      }
    }
    var ids: [Int] = []
    var isAfterUnknown = false
    for symbol in merged(symbols, in: text) {
      if let id = symbol.id {
        ids.append(id)
        isAfterUnknown = false
      } else {
        let more = try unknown.ids(for: text, symbol.range)
        let isUnknown = more.count == 1 && more[0] == unknown.id
        if !(isUnknown && isAfterUnknown && unknown.fuses) { ids += more }
        isAfterUnknown = isUnknown
      }
    }
    return ids
  }

  func merge(_ left: MergeSymbol, _ right: MergeSymbol, in text: [UInt8]) -> Merge? {
    guard let start = left.node, let node = trie.node(from: start, over: text, right.range),
      let id = trie.value(at: node)
    else { return nil }
    return Merge(rank: ranks[id], id: id, node: node)
  }
}
