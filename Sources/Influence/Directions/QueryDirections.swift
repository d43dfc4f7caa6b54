public import LinearAlgebra

/// What gradients are multiplied with to give the scores of queries under one method: s_i = f_i · Σ_blocks x·gᵢ.
///
/// A score is linear in the training example's gradient, so that whatever the gradient is a sum of, tokens or layers
/// say, the score is the sum of as many shares. x = M·v is the same for all examples of a query.
public struct QueryDirections: Sendable {
  /// The blocks as they are stored, in the order of the written gradient.
  public let blocks: [String]
  /// X = V·M of each block, m × d, helpful-positive; zeros where the training gradients are zero.
  public let values: [Matrix<Double>]
  /// What the user should know, such as a solve that did not reach its tolerance.
  public let warnings: [String]
  let factors: ScoreFactors?

  /// What the products of a query with a training example are multiplied by, summed over the blocks; 1 for most methods.
  public func factor(query: Int, example: Int) -> Double {
    guard let factors else { return 1 }
    return factors.columns[example] * (factors.rows?[query] ?? 1)
  }
}
