import LinearAlgebra

/// What is lost when gradients are stored in a narrower type, measured on the stored numbers.
public struct PrecisionLoss: Sendable {
  /// The median over rows of |‖g'‖ − ‖g‖| / ‖g‖, where g' is the stored row.
  public let medianNormError: Double
  /// The largest of them.
  public let largestNormError: Double
  /// max |S' − S| / max |S| of Hessian-free scores S = V·Gᵀ between sampled rows.
  public let scoreError: Double
  /// Rows that took the part of queries V.
  public let queries: Int
  /// Rows that took the part of training examples G.
  public let examples: Int

  /// Compares a copy with its source.
  ///
  /// - Parameters:
  ///   - copy: The narrower store, with the same rows and blocks.
  ///   - source: What it was made of.
  ///   - seed: Decides which rows are sampled: up to 256, of which up to 32 are the queries.
  /// - Complexity: a pass over the source for its norms, unless they are recorded.
  public init(of copy: GradientStore, from source: GradientStore, seed: UInt64 = 0) throws {
    precondition(
      copy.count == source.count && copy.layout == source.layout, "stores of different rows")
    let errors = zip(
      try copy.squaredNorms().totals, try source.squaredNorms().totals
    ).map { stored, exact in
      exact > 0 ? abs(stored.squareRoot() - exact.squareRoot()) / exact.squareRoot() : 0
    }
    largestNormError = errors.max() ?? 0
    medianNormError = Statistics.median(errors) ?? 0
    let sample = GradientSample.rows(256, of: source.count, seed: seed)
    examples = sample.count
    queries = min(32, sample.count)
    let first = Array(sample.prefix(queries))
    let exact = try GradientSample.products(of: source, queries: first, examples: sample)
    var difference = try GradientSample.products(of: copy, queries: first, examples: sample)
    difference.add(exact, scale: -1)
    func largest(_ matrix: Matrix<Double>) -> Double { matrix.elements.map(abs).max() ?? 0 }
    let scale = largest(exact)
    scoreError = scale > 0 ? largest(difference) / scale : 0
  }
}
