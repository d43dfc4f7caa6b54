import LinearAlgebra

/// What a projection does to the norms and inner products of the rows that it was made of.
public struct ProjectionDistortion: Sendable {
  /// The mean of ‖Px‖²/‖x‖² over rows that are not zero; 1 is expected of a random projection.
  public let meanNormRatio: Double
  /// The ratio that is farthest from 1.
  public let worstNormRatio: Double
  /// Σ ‖Px‖² over Σ ‖x‖² of all rows: the share of squared norms that directions hold.
  public let capturedShare: Double
  /// The standard deviation of the ratio that random projections of this kind keep below.
  public let expectedNormDeviation: Double
  /// √ mean ((⟨Px, Py⟩ − ⟨x, y⟩) / (‖x‖‖y‖))² over sampled pairs of different rows.
  public let innerProductError: Double
  /// The largest of these errors.
  public let worstInnerProductError: Double
  /// What ``innerProductError`` is expected to be for pairs of these angles: √ mean v(1 + cos²)/2, with v the
  /// variance of ‖Px‖²/‖x‖².
  public let expectedInnerProductError: Double
  /// Pairs that were compared.
  public let pairs: Int

  /// Compares a projected store with its source.
  ///
  /// - Parameters:
  ///   - projected: The projected store.
  ///   - source: What it was made of, grouped as it was projected.
  ///   - projection: How.
  ///   - seed: Decides which rows are sampled: up to 128, of which up to 32 are paired with all.
  /// - Complexity: a pass over the source for its norms, unless they are recorded.
  public init(
    of projected: GradientStore, from source: GradientStore, by projection: GradientProjection,
    seed: UInt64 = 0
  ) throws {
    precondition(projected.count == source.count, "stores of different rows")
    let squares = try source.squaredNorms().totals
    let captured = try projected.squaredNorms().totals
    let ratios = zip(captured, squares).compactMap { $1 > 0 ? $0 / $1 : nil }
    let whole = squares.reduce(0, +)
    capturedShare = whole > 0 ? captured.reduce(0, +) / whole : 1
    meanNormRatio = ratios.isEmpty ? 1 : ratios.reduce(0, +) / Double(ratios.count)
    worstNormRatio = ratios.max { abs($0 - 1) < abs($1 - 1) } ?? 1
    expectedNormDeviation = projection.normVariance.squareRoot()
    let sample = GradientSample.rows(128, of: source.count, seed: seed)
    let first = Array(sample.prefix(32))
    let exact = try GradientSample.products(of: source, queries: first, examples: sample)
    let found = try GradientSample.products(of: projected, queries: first, examples: sample)
    var errors: [Double] = []
    var cosines = 0.0
    for (row, query) in first.enumerated() {
      // The first rows are the queries: each pair once.
      for column in row + 1..<max(row + 1, sample.count) {
        let scale = (squares[query] * squares[sample[column]]).squareRoot()
        guard scale > 0 else { continue }
        errors.append((found[row, column] - exact[row, column]) / scale)
        cosines += exact[row, column] * exact[row, column] / (scale * scale)
      }
    }
    pairs = errors.count
    expectedInnerProductError =
      (projection.normVariance * (1 + cosines / Double(max(1, errors.count))) / 2).squareRoot()
    innerProductError =
      errors.isEmpty
      ? 0 : (errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)).squareRoot()
    worstInnerProductError = errors.map(abs).max() ?? 0
  }
}
