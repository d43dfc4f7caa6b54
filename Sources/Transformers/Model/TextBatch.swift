import LinearAlgebra

/// Texts that go through a model together.
struct TextBatch: Sendable {
  let texts: ArraySlice<TokenSequence>
  /// The number of tokens of the texts before them.
  let firstToken: Int

  /// The rows that texts take: text e has `starts[e] ..< starts[e + 1]`.
  var starts: [Int] {
    texts.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.tokens.count) }
  }

  /// Cuts texts into batches, in their order, that have at most so many tokens, or one text.
  static func batches(of texts: [TokenSequence], mostTokens: Int) -> [TextBatch] {
    var batches: [TextBatch] = []
    var (first, count, before) = (0, 0, 0)
    for (index, text) in texts.enumerated() {
      if index > first, count + text.tokens.count > mostTokens {
        batches.append(TextBatch(texts: texts[first..<index], firstToken: before))
        (first, before, count) = (index, before + count, 0)
      }
      count += text.tokens.count
    }
    if first < texts.count {
      batches.append(TextBatch(texts: texts[first...], firstToken: before))
    }
    return batches
  }
}
