/// SentencePiece's unigram model: of all ways to cut a text into tokens, the one with the highest sum of scores.
///
/// A character in no token costs the lowest score and 10 more. Of equal sums, the one that was found first stays.
struct UnigramModel: SegmentationModel {
  private let trie: TokenTrie
  private let scores: [Double]
  private let unknown: UnknownCharacters
  private let unknownScore: Double

  /// - Parameters:
  ///   - scores: One per token, finite.
  ///   - isPiece: Which tokens a text may be made of.
  init(vocabulary: Vocabulary, scores: [Double], isPiece: [Bool], unknown: UnknownCharacters) {
    trie = vocabulary.tree { isPiece[$0] ? Array($1.utf8) : nil }
    self.scores = scores
    self.unknown = unknown
    let lowest = zip(scores, isPiece).filter(\.1).map(\.0).min() ?? 0
    unknownScore = lowest - 10
  }

  /// - Complexity: O(n · l) for n bytes and the l bytes of the longest token.
  func tokens(of text: [UInt8], _ range: Range<Int>) throws(TokenizerError) -> [Int] {
    let origin = range.lowerBound
    // How each place is reached best: the sum of scores, where the last token begins, and which one it is.
    var sums = [Double](repeating: 0, count: range.count + 1)
    var starts = [Int](repeating: -1, count: range.count + 1)
    var ids = [Int?](repeating: nil, count: range.count + 1)
    var start = origin
    while start < range.upperBound {
      let next = start + text.scalar(at: start).width
      let sum = sums[start - origin]
      var hasCharacter = false
      func reach(_ end: Int, _ candidate: Double, _ id: Int?) {
        let place = end - origin
        guard starts[place] < 0 || candidate > sums[place] else { return }
        (sums[place], starts[place], ids[place]) = (candidate, start, id)
      }
      trie.eachPrefix(of: text, start..<range.upperBound) { id, end in
        reach(end, sum + scores[id], id)
        if end == next { hasCharacter = true }
      }
      if !hasCharacter { reach(next, sum + unknownScore, nil) }
      start = next
    }
    var parts: [(range: Range<Int>, id: Int?)] = []
    var end = range.upperBound
    while end > origin {
      let start = starts[end - origin]
      let id = ids[end - origin]
      if id == nil, let last = parts.last, last.id == nil, unknown.bytes == nil, unknown.fuses {
        parts[parts.count - 1].range = start..<last.range.upperBound
      } else {
        parts.append((start..<end, id))
      }
      end = start
    }
    var result: [Int] = []
    for part in parts.reversed() {
      if let id = part.id {
        result.append(id)
      } else {
        result += try unknown.ids(for: text, part.range)
      }
    }
    return result
  }
}
