import LinearAlgebra
import Testing

import Transformers

@Suite("Models go on with texts")
struct GenerationTests {
  static let families = ["llama", "qwen2", "gpt2"]

  private func model(_ family: String) throws -> (ComputedModel, LanguageModel) {
    let computed = try ComputedModel(family)
    return (computed, try LanguageModel(computed.checkpoint, adapter: computed.adapter))
  }

  /// The most likely tokens one by one, each from a pass over the whole text.
  private func naive(_ computed: ComputedModel, after tokens: [Int], count: Int) throws -> [Int] {
    let transformer = try computed.transformer(Double.self)
    var text = tokens
    for _ in 0..<count {
      let sequence = TokenSequence(tokens: text, goal: .tokens(from: 1))
      let logits = try transformer.logits(
        TextBatch(texts: [sequence], firstToken: 0), rotation: transformer.rotation(positions: 40))
      let last = Array(logits[row: logits.rows - 1])
      text.append(last.indices.reduce(0) { last[$1] > last[$0] ? $1 : $0 })
    }
    return Array(text.dropFirst(tokens.count))
  }

  @Test("with the tokens that passes over the whole text give", arguments: families)
  func greedy(_ family: String) throws {
    let (computed, model) = try model(family)
    let ends = computed.checkpoint.configuration.specialTokens.ends
    for text in computed.texts {
      let expected = try naive(computed, after: text.tokens, count: 15)
      let found = try model.continuation(of: text.tokens, count: 15)
      let stop = expected.firstIndex { ends.contains($0) }
      #expect(found.tokens == Array(expected.prefix(stop ?? 15)))
      #expect(found.end == stop.map { expected[$0] })
    }
  }

  @Test("up to their last position, and not beyond", arguments: families)
  func longest(_ family: String) throws {
    let (computed, model) = try model(family)
    let longest = computed.checkpoint.longestText
    let tokens = Array(repeating: 5, count: longest - 2)
    #expect(try model.continuation(of: tokens, count: 9).tokens.count <= 2)
    #expect(try model.continuation(of: tokens, count: 0) == TextContinuation())
    let full = Array(repeating: 5, count: longest)
    #expect(try model.continuation(of: full, count: 9) == TextContinuation())
    #expect(throws: TextError.nothingPredicted(row: 1)) {
      try model.answers(to: [[5], full], count: 3)
    }
    #expect(throws: TextError.empty(row: 1)) { try model.answers(to: [[5], []], count: 3) }
    #expect(throws: TextError.self) { try model.answers(to: [full + [5]], count: 3) }
  }

  @Test(
    "Answers are measured behind their prompts, whatever the other prompts", arguments: families)
  func answers(_ family: String) throws {
    let (computed, model) = try model(family)
    let prompts = computed.texts.map(\.tokens)
    let together = try model.answers(to: prompts, count: 6)
    for (prompt, answer) in zip(prompts, together) {
      let alone = try model.continuation(of: prompt, count: 6)
      #expect(answer.tokens == prompt + alone.tokens + (alone.end.map { [$0] } ?? []))
      #expect(answer.goal == .tokens(from: prompt.count))
      #expect(answer.predictedCount > 0)
    }
    try model.check(together)
    // What a model finds most likely is no less likely than any other token.
    for prompt in prompts {
      let greedy = try model.continuation(of: prompt, count: 1)
      let first = try #require(greedy.tokens.first ?? greedy.end)
      func loss(_ token: Int) throws -> Double {
        try model.losses(of: [
          TokenSequence(tokens: prompt + [token], goal: .tokens(from: prompt.count))
        ])[0]
      }
      let least = try loss(first)
      for other in 0..<40 { #expect(try loss(other) >= least - 1e-5) }
    }
  }

  @Test("A model that tells classes apart goes on with nothing")
  func classifier() throws {
    let (_, model) = try model("bert")
    #expect(throws: TextError.wrongGoal(row: 0, expected: "a label")) {
      try model.continuation(of: [5, 6], count: 3)
    }
  }
}
