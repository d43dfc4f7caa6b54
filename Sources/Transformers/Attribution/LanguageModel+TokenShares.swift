internal import Gradients
public import LinearAlgebra

extension LanguageModel {
  /// What each token of a text adds to the product of the text's gradient with a direction.
  ///
  /// The gradient of an adapter's matrix is a sum over the places of the text that the matrix was applied to,
  /// Σₜ dyₜ·xₜᵀ, and so is its product with a direction U: share t = Σ_matrices dyₜᵀ·U·xₜ. With U = M·v of a query, as
  /// `Curvature.directions` gives it, the shares of a text sum to its score. A share says through which token the text
  /// works; what a token does to the predictions of later ones is in its own share.
  ///
  /// - Parameters:
  ///   - texts: Texts that fit the model.
  ///   - directions: One row for each block of the adapter's layout of gradients, as wide as the block.
  ///   - measure: What is differentiated.
  ///   - reduction: How a text's predicted tokens become one number.
  ///   - batchTokens: The most tokens that a core takes at a time, or one text.
  /// - Returns: For each text a number for each of its tokens.
  /// - Throws: ``TextError``.
  /// - Complexity: 4 operations for each weight and token.
  public func tokenShares(
    of texts: [TokenSequence], along directions: [Matrix<Float>], measure: AnswerMeasure = .loss,
    reduction: TokenReduction = .mean, batchTokens: Int = 512
  ) throws -> [[Double]] {
    precondition(
      directions.map(\.elements.count) == adapter.gradientLayout.blocks.map(\.width),
      "directions have the widths of the adapter's blocks")
    try check(texts)
    let measurement = TextMeasurement(measure: measure.ofLogits, sums: reduction == .sum)
    let rotation = rotation(for: texts)
    let batches = TextBatch.batches(of: texts, mostTokens: batchTokens)
    let shares = try Parallelism.map(batches.count) { index in
      let batch = batches[index]
      let measured = try transformer.measured(
        batch, measurement, gradients: .tokenShares(along: directions), rotation: rotation)
      let values = measured.gradients?.tokenShares ?? []
      return (0..<batch.texts.count).map { Array(values[batch.starts[$0]..<batch.starts[$0 + 1]]) }
    }.flatMap(\.self)
    if let row = shares.firstIndex(where: { !$0.allSatisfy(\.isFinite) }) {
      throw TextError.notFinite(row: row, what: "the gradient of a token")
    }
    return shares
  }
}
