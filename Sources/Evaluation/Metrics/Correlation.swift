internal import LinearAlgebra

/// How closely two lists of scores follow each other.
public enum Correlation {
  /// Pearson's correlation: how well a straight line of positive slope relates `x` and `y`.
  ///
  ///     r = Σ (xᵢ − x̄)(yᵢ − ȳ) / √(Σ (xᵢ − x̄)² · Σ (yᵢ − ȳ)²),   −1 ≤ r ≤ 1
  ///
  /// Unchanged by x → ax + b with a > 0, negated with a < 0. Two passes, the second corrected for the
  /// rounding of the mean, on values scaled by a power of two: a large common offset costs no
  /// accuracy, and no magnitude of the values overflows or underflows. The error is a small multiple
  /// of n · 2⁻⁵².
  ///
  /// - Throws: `differentLengths`; `tooFewValues` below 2; `notFinite`; `constant` where all values of
  ///   a list are equal, because r is then 0/0.
  /// - Complexity: O(n).
  public static func pearson(_ x: [Double], _ y: [Double]) throws(EvaluationError) -> Double {
    try requireVariation(x, y)
    return pearson(varying: x, y)
  }

  /// Spearman's rank correlation: how well an increasing function relates `x` and `y`.
  ///
  /// Pearson's correlation of the average ranks, −1 ≤ ρ ≤ 1. Equal values share the mean of their
  /// ranks. Unchanged by any strictly increasing function of `x` or of `y`.
  ///
  /// - Throws: As `pearson(_:_:)`.
  /// - Complexity: O(n log n).
  public static func spearman(_ x: [Double], _ y: [Double]) throws(EvaluationError) -> Double {
    try requireVariation(x, y)
    return pearson(
      varying: Ranks.averages(of: x, descending: Ranks.descendingOrder(of: x)),
      Ranks.averages(of: y, descending: Ranks.descendingOrder(of: y)))
  }
}

extension Correlation {
  /// Pearson's correlation of two lists of equal length, finite and not constant.
  static func pearson(varying x: [Double], _ y: [Double]) -> Double {
    let x = centred(x)
    let y = centred(y)
    let count = Double(x.count)
    var sumX = 0.0
    var sumY = 0.0
    var squaresX = 0.0
    var squaresY = 0.0
    var products = 0.0
    for index in x.indices {
      sumX += x[index]
      sumY += y[index]
      squaresX += x[index] * x[index]
      squaresY += y[index] * y[index]
      products += x[index] * y[index]
    }
    // Without rounding both sums would be 0; what they are is the error of the means.
    squaresX -= sumX * sumX / count
    squaresY -= sumY * sumY / count
    products -= sumX * sumY / count
    let correlation = products / squaresX.squareRoot() / squaresY.squareRoot()
    return min(max(correlation, -1), 1)
  }

  /// The values less their mean, scaled by a power of two (which is exact) to a largest magnitude
  /// in 1 ..< 2 before their mean is taken.
  private static func centred(_ values: [Double]) -> [Double] {
    let exponent = (values.lazy.map(\.magnitude).max() ?? 0).exponent
    let scaled = values.map { Double(sign: .plus, exponent: -Int(exponent), significand: $0) }
    let mean = scaled.reduce(0, +) / Double(values.count)
    return scaled.map { $0 - mean }
  }

  static func isConstant(_ values: [Double]) -> Bool {
    guard let first = values.first else { return true }
    return values.allSatisfy { $0 == first }
  }

  private static func requireVariation(_ x: [Double], _ y: [Double]) throws(EvaluationError) {
    try Ranking.requireComparable(x, y, count: 2)
    if isConstant(x) { throw .constant(.first) }
    if isConstant(y) { throw .constant(.second) }
  }
}
