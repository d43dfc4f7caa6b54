import LinearAlgebra

/// Texts that go through a model together.
package struct TextBatch: Sendable {
  /// The tokens beyond which products are no faster.
  static let mostTokens = 512

  let texts: ArraySlice<TokenSequence>
  /// The number of tokens of the texts before them.
  let firstToken: Int
  /// The number of rows that are kept of the texts before them.
  var firstKept = 0

  package init(texts: ArraySlice<TokenSequence>, firstToken: Int, firstKept: Int = 0) {
    self.texts = texts
    self.firstToken = firstToken
    self.firstKept = firstKept
  }

  /// The rows that texts take: text e has `starts[e] ..< starts[e + 1]`.
  var starts: [Int] {
    texts.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.tokens.count) }
  }

  /// The rows from which labels and predicted tokens are said: the first token's, or those before predicted tokens.
  package var keptRows: KeptRows {
    var rows: [Int] = []
    var starts = [0]
    for (text, start) in zip(texts, self.starts) {
      rows += text.keptPlaces.map { start + $0 }
      starts.append(rows.count)
    }
    return KeptRows(rows: rows, starts: starts, firstRow: firstKept)
  }

  /// Cuts texts into batches, in their order, that have at most so many tokens and texts, or one text.
  static func batches(
    of texts: [TokenSequence], from firstText: Int = 0, mostTokens: Int, mostTexts: Int = .max
  ) -> [TextBatch] {
    var batches: [TextBatch] = []
    let earlier = texts.prefix(firstText)
    var (first, count, before) = (firstText, 0, earlier.reduce(0) { $0 + $1.tokens.count })
    var (kept, keptBefore) = (0, earlier.reduce(0) { $0 + $1.keptPlaces.count })
    func batch(to end: Int) -> TextBatch {
      TextBatch(texts: texts[first..<end], firstToken: before, firstKept: keptBefore)
    }
    for (index, text) in texts.enumerated().dropFirst(firstText) {
      if index > first,
        count + text.tokens.count > mostTokens || index - first >= mostTexts
      {
        batches.append(batch(to: index))
        (first, before, count) = (index, before + count, 0)
        (keptBefore, kept) = (keptBefore + kept, 0)
      }
      count += text.tokens.count
      kept += text.keptPlaces.count
    }
    if first < texts.count { batches.append(batch(to: texts.count)) }
    return batches
  }
}

extension TokenSequence {
  /// The places from which the label or the predicted tokens are said.
  fileprivate var keptPlaces: Range<Int> {
    switch goal {
    case .label: 0..<1
    case .tokens: tokens.count - predictedCount - 1..<tokens.count - 1
    }
  }
}
