public import Gradients
import LinearAlgebra

/// How well a copy of gradients in a narrower type keeps the order of scores, measured on the stored
/// numbers of sampled rows.
///
/// Some rows take the part of queries, others that of training examples; a row never meets itself,
/// which it would find in any type. Scores are inner products g·g' over all blocks.
public struct StoreFidelity: Sendable {
  /// How a query's scores from the copy agree with those from the source; nil where it is undefined.
  public let agreement: ScoreAgreement
  /// Examples that count as the top: 10, or all where there are fewer.
  public let topCount: Int
  /// Rows that took the part of queries.
  public let queries: Int
  /// Rows that took the part of training examples.
  public let examples: Int

  /// Compares a copy with its source; nil where there are fewer than three rows.
  ///
  /// - Parameters:
  ///   - copy: The narrower store, with the same rows and blocks.
  ///   - source: What it was made of.
  ///   - seed: The seed, which decides which rows are sampled: up to 32 queries, but no more than half of the rows,
  ///     and up to 2,000 examples.
  /// - Throws: `EvaluationError` for scores that are not finite, or an error from reading a store.
  /// - Complexity: 2mnD operations in double precision for each store; reads the sampled rows.
  public init?(of copy: GradientStore, from source: GradientStore, seed: UInt64 = 0) throws {
    precondition(
      copy.count == source.count && copy.layout == source.layout, "stores of different rows")
    guard source.count >= 3 else { return nil }
    queries = min(32, source.count / 2)
    let sample = GradientSample.rows(queries + 2000, of: source.count, seed: seed)
    let asked = Array(sample.prefix(queries))
    let others = sample.dropFirst(queries).sorted()
    examples = others.count
    topCount = min(10, others.count)
    agreement = try ScoreAgreement(
      of: GradientSample.products(of: copy, queries: asked, examples: others),
      with: GradientSample.products(of: source, queries: asked, examples: others),
      topFraction: Double(topCount) / Double(others.count))
  }

  /// The mean of Spearman's correlation over the queries; nil where it is undefined for all.
  public var meanSpearman: Double? { agreement.meanSpearman }

  /// The lowest of Spearman's correlations; nil where it is undefined for all.
  public var worstSpearman: Double? { agreement.rows.compactMap { $0?.spearman }.min() }

  /// The mean share of the top that the copy and the source have in common; nil where it is undefined
  /// for all queries.
  public var meanTopOverlap: Double? { agreement.meanTopOverlap }
}
