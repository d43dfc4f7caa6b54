import LinearAlgebra
import TestSupport
import Testing

import Transformers

/// Queries, keys and values of texts longer than the queries that are taken at a time, and what ``NaiveAttention``
/// makes of them.
private struct LongTexts {
  /// Texts of three, one and two blocks of queries, with the first token that is predicted of each.
  let texts = [(300, 20), (5, 2), (129, 100)].map { length, first in
    TokenSequence(tokens: Array(repeating: 3, count: length), goal: .tokens(from: first))
  }
  let model: ComputedModel
  /// The queries that are asked for, as rows of all.
  let rows: [Int]
  let isAsked: Bool
  let (q, k, v): (Matrix<Double>, Matrix<Double>, Matrix<Double>)
  /// The gradient by the result; zero where nobody asks.
  let d: Matrix<Double>
  var expected: (y: [[Double]], q: [[Double]], k: [[Double]], v: [[Double]]) = ([], [], [], [])

  var batch: TextBatch { TextBatch(texts: texts[...], firstToken: 0) }

  /// - Parameter isAsked: Whether only those queries are computed from which tokens are predicted.
  init(_ family: String, isAsked: Bool) throws {
    model = try ComputedModel(family)
    let sizes = model.checkpoint.configuration
    let tokens = texts.reduce(0) { $0 + $1.tokens.count }
    self.isAsked = isAsked
    rows =
      isAsked
      ? TextBatch(texts: texts[...], firstToken: 0).keptRows.rows : Array(0..<tokens)
    var generator = SeededGenerator(seed: 17)
    func random(_ heads: Int) -> Matrix<Double> {
      .normal(tokens, heads * sizes.headSize, using: &generator).inSingles
    }
    (q, k, v) = (
      random(sizes.headCount), random(sizes.keyValueHeadCount), random(sizes.keyValueHeadCount)
    )
    let all = random(sizes.headCount)
    var d = Matrix<Double>.zeros(tokens, all.columns)
    for row in rows { d[row: row] = all[row: row] }
    self.d = d
    let naive = NaiveAttention(
      headCount: sizes.headCount, keyValueHeadCount: sizes.keyValueHeadCount,
      headSize: sizes.headSize, isCausal: family == "llama")
    var start = 0
    for text in texts {
      let place = start..<start + text.tokens.count
      start = place.upperBound
      func part(_ matrix: Matrix<Double>) -> [[Double]] { Array(matrix.lists[place]) }
      expected.y += naive.forward(part(q), part(k), part(v))
      let gradients = naive.backward(part(d), part(q), part(k), part(v))
      expected.q += gradients.q
      expected.k += gradients.k
      expected.v += gradients.v
    }
  }

  /// Compares what the model's attention makes of the same.
  func compare<Element: Scalar>(in type: Element.Type) throws {
    let transformer = try model.transformer(Element.self)
    let core = try transformer.layer(0).attention.core
    let pass = transformer.pass(batch, rotation: nil, gradients: nil)
    let queries = isAsked ? pass.keeping(batch.keptRows) : pass
    func chosen(_ matrix: Matrix<Double>) -> Matrix<Element> {
      Matrix(converting: matrix.selecting(rows: rows))
    }
    let (keys, values) = (Matrix<Element>(converting: k), Matrix<Element>(converting: v))
    let saved = core.forward(chosen(q), keys, values, pass, queries: queries)
    let found = core.backward(
      chosen(d), q: chosen(q), k: keys, v: values, saved, pass, queries: queries)
    func asked(_ lists: [[Double]]) -> Matrix<Double> { Matrix(lists: rows.map { lists[$0] }) }
    // Sums over 300 tokens of numbers that softmax made.
    let bound = Bound.backward(order: 300)
    expectClose(saved.output, asked(expected.y), bound: bound, "result")
    expectClose(found.dq, asked(expected.q), bound: bound, "queries")
    expectClose(found.dk, Matrix(lists: expected.k), bound: bound, "keys")
    expectClose(found.dv, Matrix(lists: expected.v), bound: bound, "values")
  }
}

@Suite("Attention of long texts")
struct AttentionTests {
  @Test(
    "300 tokens, forward and backward, of all queries and of some",
    arguments: ["llama", "bert"], [false, true])
  func longTexts(family: String, isAsked: Bool) throws {
    let texts = try LongTexts(family, isAsked: isAsked)
    try texts.compare(in: Double.self)
    try texts.compare(in: Float.self)
  }
}
