internal import LinearAlgebra

/// A text that a model goes on with token by token: what each layer needs of the tokens before is kept.
struct TextGeneration<Element: Scalar> {
  private let transformer: Transformer<Element>
  private let head: NextTokenHead<Element>
  private let rotation: RotationTable<Element>?
  private let caches: [KeyValueCache<Element>]
  private var count = 0

  /// - Parameters:
  ///   - transformer: A model with a head of the next token.
  ///   - capacity: The most tokens that the text will have.
  init(_ transformer: Transformer<Element>, head: NextTokenHead<Element>, capacity: Int) {
    self.transformer = transformer
    self.head = head
    rotation = transformer.rotation(positions: capacity)
    let sizes = transformer.configuration
    caches = (0..<sizes.layerCount).map { _ in
      KeyValueCache(capacity: capacity, width: sizes.keyValueHeadCount * sizes.headSize)
    }
  }

  /// Adds tokens to the text.
  ///
  /// - Parameter tokens: At least one.
  /// - Returns: The logits of the token after the last.
  mutating func logits(after tokens: [Int]) throws -> [Element] {
    let positions = (count..<count + tokens.count).map { Int32($0) }
    count += tokens.count
    let pass = LayerPass(
      starts: [0, tokens.count], positions: positions, rotation: rotation, dropout: nil,
      takesGradients: false)
    let last = KeptRows(rows: [tokens.count - 1], starts: [0, 1], firstRow: 0)
    var x = try transformer.embeddings().forward(ids: tokens, typeIDs: [], pass)
    for (index, cache) in caches.enumerated() {
      x = try transformer.layer(index).forward(
        x, pass, kept: index == caches.count - 1 ? last : nil, cache: cache
      ).0
    }
    if let norm = try transformer.finalNorm() { x = norm.forward(x).0 }
    return head.logits(x).elements
  }
}

/// What a model says after some tokens.
public struct TextContinuation: Sendable, Equatable {
  /// The new tokens, without that of the end.
  public var tokens: [Int] = []
  /// The token by which the model ended the text; nil where it was cut.
  public var end: Int?

  /// Nothing, as it was cut before the first token.
  public init() {}
}

extension LanguageModel {
  /// The tokens that the model finds most likely after some, one by one.
  ///
  /// - Parameters:
  ///   - tokens: At least one.
  ///   - count: The most tokens to add. There are fewer where the model ends the text, or has no more positions.
  /// - Returns: The new tokens.
  /// - Throws: ``TextError``; an error of the file, where weights are not kept.
  /// - Complexity: A pass over the given tokens, and one over a single token for each that is added. Where weights are
  ///   not kept, each of these passes converts all of them.
  public func continuation(of tokens: [Int], count: Int) throws -> TextContinuation {
    try checkTokens(TokenSequence(tokens: tokens, goal: .tokens(from: 1)), row: 0)
    guard let head = try transformer.nextTokenHead() else {
      throw TextError.wrongGoal(row: 0, expected: "a label")
    }
    let most = min(count, checkpoint.longestText - tokens.count)
    var text = TextGeneration(transformer, head: head, capacity: tokens.count + max(0, most))
    var result = TextContinuation()
    var added = tokens
    while result.tokens.count < most {
      let next = try Self.largest(text.logits(after: added), row: 0)
      if transformer.configuration.specialTokens.ends.contains(next) {
        result.end = next
        break
      }
      result.tokens.append(next)
      added = [next]
    }
    return result
  }

  /// Prompts with what the model says after each, as texts whose answers are to be measured.
  ///
  /// - Parameters:
  ///   - prompts: At least one token each; an end at the end is left out.
  ///   - count: The most tokens of an answer.
  ///   - progress: Called with the share of the prompts that are answered.
  /// - Returns: Prompt, answer and the end, where the model ended the text; the goal is what stands behind the prompt.
  ///   An answer does not depend on the other prompts.
  /// - Throws: ``TextError``, of the first prompt that the model cannot take or has no position left behind.
  public func answers(
    to prompts: [[Int]], count: Int, progress: ((Double) -> Void)? = nil
  ) throws -> [TokenSequence] {
    let ends = transformer.configuration.specialTokens.ends
    let prompts = prompts.map { prompt in
      prompt.count > 1 && ends.contains(prompt[prompt.count - 1]) ? prompt.dropLast() : prompt
    }
    for (row, tokens) in prompts.enumerated() {
      try checkTokens(TokenSequence(tokens: tokens, goal: .tokens(from: 1)), row: row)
      guard tokens.count < checkpoint.longestText else {
        throw TextError.nothingPredicted(row: row)
      }
    }
    var texts: [TokenSequence] = []
    let atOnce = Parallelism.threads
    for first in stride(from: 0, to: prompts.count, by: atOnce) {
      let part = Array(prompts[first..<min(prompts.count, first + atOnce)])
      texts += try Parallelism.map(part.count) { index in
        let answer = try continuation(of: part[index], count: count)
        let end = answer.end.map { [$0] } ?? []
        return TokenSequence(
          tokens: part[index] + answer.tokens + end, goal: .tokens(from: part[index].count))
      }
      progress?(Double(texts.count) / Double(prompts.count))
    }
    return texts
  }
}
