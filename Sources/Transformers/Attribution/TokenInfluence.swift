internal import Gradients
public import Influence
internal import LinearAlgebra

/// Through which of its tokens a training example came to its score for a query.
public struct TokenInfluence: Sendable, Equatable {
  /// The example's row.
  public let example: Int
  /// Its score as the curvature gave it, helpful-positive.
  public let score: Double
  /// The part of each of its tokens, helpful-positive.
  public let shares: [Double]

  /// The sum of the shares: the score, but for rounding, where gradients and shares are of one model and text.
  public var sum: Double { shares.reduce(0, +) }
  /// The sum of the shares' sizes.
  public var magnitude: Double { shares.reduce(0) { $0 + abs($1) } }
  /// How far the sum is from the score, as a part of the shares' sizes.
  public var difference: Double {
    let distance = abs(sum - score)
    return distance == 0 ? 0 : distance / max(magnitude, abs(score))
  }
}

extension LanguageModel {
  /// Decomposes scores of training examples into shares of their tokens.
  ///
  /// - Parameters:
  ///   - scores: Rows of the training store, each with its score.
  ///   - texts: The text of every row of the training store, as its gradient was taken of.
  ///   - directions: Of the query, under the method that gave the scores.
  ///   - query: The query's place among the directions.
  ///   - measure: What the training gradients are of.
  ///   - reduction: How a text's predicted tokens became one number.
  ///   - batchTokens: The most tokens that a core takes at a time, or one text.
  /// - Returns: One for each score, in the same order.
  /// - Throws: ``TextError``; ``AdapterError/otherBlocks(block:width:)`` where the directions are of other blocks
  ///   than the adapter's.
  /// - Complexity: A forward and a backward pass for each of the examples.
  public func tokenInfluence(
    of scores: [(example: Int, score: Double)], texts: [TokenSequence],
    along directions: QueryDirections, query: Int = 0, measure: AnswerMeasure = .loss,
    reduction: TokenReduction = .mean, batchTokens: Int = 512
  ) throws -> [TokenInfluence] {
    let layout = adapter.gradientLayout
    let places = Dictionary(
      uniqueKeysWithValues: layout.blocks.enumerated().map { ($1.name, $0) })
    // Blocks that the store leaves out take no part in its scores.
    var shaped = layout.blocks.map { Matrix<Float>.zeros(1, $0.width) }
    for (block, values) in zip(directions.blocks, directions.values) {
      guard let place = places[block], shaped[place].columns == values.columns else {
        throw AdapterError.otherBlocks(block: block, width: values.columns)
      }
      shaped[place] = Matrix(converting: Matrix(values.view[rows: query..<query + 1]))
    }
    let shares = try tokenShares(
      of: scores.map { texts[$0.example] }, along: shaped, measure: measure, reduction: reduction,
      batchTokens: batchTokens)
    return zip(scores, shares).map { scored, shares in
      let factor = directions.factor(query: query, example: scored.example)
      return TokenInfluence(
        example: scored.example, score: scored.score, shares: shares.map { factor * $0 })
    }
  }
}
