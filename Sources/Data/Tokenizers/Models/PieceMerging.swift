internal import HeapModule

/// A run of bytes that is, or may become, a token.
struct MergeSymbol {
  /// Where it stands in the text.
  var range: Range<Int>
  /// The token; nil for a character that is in no token.
  var id: Int?
  /// Where the vocabulary's tree is after its bytes, for rules that need it; nil where no token begins so.
  var node: Int?
  /// Whether it never merges.
  var isFixed = false
}

/// What two symbols become, and how early.
struct Merge {
  /// Merges of a lower rank come first; of one rank, the leftmost.
  let rank: Int
  /// The token of both.
  let id: Int
  /// Where the vocabulary's tree is after it.
  var node: Int?
}

/// Which neighbours may become one token.
protocol MergeRule {
  /// What two neighbours become; nil where they stay apart.
  func merge(_ left: MergeSymbol, _ right: MergeSymbol, in text: [UInt8]) -> Merge?
}

extension MergeRule {
  /// The symbols after all merges, the earliest rank first, then the leftmost.
  ///
  /// - Complexity: O(n log n) merges and look-ups for n symbols.
  func merged(_ symbols: [MergeSymbol], in text: [UInt8]) -> [MergeSymbol] {
    var symbols = symbols
    // Neighbours of each symbol; -1 at the ends. Ranges of symbols that are merged into another are empty.
    var previous = Array(-1..<symbols.count - 1)
    var next = Array(1..<symbols.count + 1)
    next[symbols.count - 1] = -1
    var heap = Heap<MergeCandidate>()
    func consider(_ left: Int, _ right: Int) {
      guard left >= 0, right >= 0, !symbols[left].isFixed, !symbols[right].isFixed,
        let merge = merge(symbols[left], symbols[right], in: text)
      else { return }
      heap.insert(
        MergeCandidate(
          merge: merge, left: left, right: right, middle: symbols[left].range.upperBound,
          end: symbols[right].range.upperBound))
    }
    for left in 0..<symbols.count - 1 { consider(left, left + 1) }
    while let candidate = heap.popMin() {
      let (left, right) = (candidate.left, candidate.right)
      // A candidate is out of date where one of its sides has grown or is gone since.
      guard !symbols[left].range.isEmpty, !symbols[right].range.isEmpty,
        symbols[left].range.upperBound == candidate.middle,
        symbols[right].range.upperBound == candidate.end
      else { continue }
      symbols[left].range = symbols[left].range.lowerBound..<candidate.end
      symbols[left].id = candidate.merge.id
      symbols[left].node = candidate.merge.node
      symbols[right].range = candidate.end..<candidate.end
      next[left] = next[right]
      if next[left] >= 0 { previous[next[left]] = left }
      consider(previous[left], left)
      consider(left, next[left])
    }
    return symbols.filter { !$0.range.isEmpty }
  }
}

/// Two neighbours that may be merged, as they were when they were looked at.
private struct MergeCandidate: Comparable {
  let merge: Merge
  let left: Int
  let right: Int
  let middle: Int
  let end: Int

  static func < (a: MergeCandidate, b: MergeCandidate) -> Bool {
    (a.merge.rank, a.left) < (b.merge.rank, b.left)
  }

  static func == (a: MergeCandidate, b: MergeCandidate) -> Bool {
    (a.merge.rank, a.left) == (b.merge.rank, b.left)
  }
}
