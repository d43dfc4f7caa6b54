public import LinearAlgebra

/// Which blocks of parameters scores come from: S = Σ_b S_b.
///
/// Of a method that divides the sum over blocks by something, such as cosine, the shares are divided by
/// the same, so that they still sum to the scores.
public struct BlockShares: Sendable {
  /// The blocks' names, in the layout's order; a block whose training gradients are all zero is among
  /// them, with shares of zero.
  public let blocks: [String]
  /// S_b of each block, `m × n`.
  public internal(set) var values: [Matrix<Double>]

  /// The shares as an array of `m × n × blocks` in C order: row q holds those of query q, the blocks of
  /// an example side by side.
  ///
  /// - Parameter convention: What positive means.
  /// - Returns: `m × (n · blocks)`.
  public func interleaved(in convention: ScoreConvention = .helpful) -> Matrix<Double> {
    let (rows, columns) = (values.first?.rows ?? 0, values.first?.columns ?? 0)
    var elements = [Double](repeating: 0, count: rows * columns * blocks.count)
    for (block, share) in values.enumerated() {
      for (place, value) in share.elements.enumerated() {
        elements[place * blocks.count + block] = convention.sign * value
      }
    }
    return Matrix(rows: rows, columns: columns * blocks.count, elements: elements)
  }

  /// Shares of zero.
  static func zeros(_ blocks: [String], _ rows: Int, _ columns: Int) -> BlockShares {
    BlockShares(
      blocks: blocks, values: blocks.map { _ in Matrix<Double>.zeros(rows, columns) })
  }

  /// Multiplies every share by the same factors as the scores.
  mutating func scale(by factors: ScoreFactors) {
    for index in values.indices { factors.apply(to: &values[index]) }
  }
}

/// What scores are multiplied by once they are summed over the blocks.
struct ScoreFactors {
  /// One a training example.
  var columns: [Double]
  /// One a query, if queries are scaled.
  var rows: [Double]?

  func apply(to scores: inout Matrix<Double>) {
    scores.scaleColumns(by: columns)
    if let rows { scores.scaleRows(by: rows) }
  }
}
