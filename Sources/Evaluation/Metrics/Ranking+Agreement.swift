internal import LinearAlgebra

extension Ranking {
  /// The share of examples whose two scores have the same sign, from 0 to 1.
  ///
  /// Zero is a sign of its own, which only zero shares. Two unrelated lists of random signs agree in half.
  ///
  /// - Throws: `differentLengths`, `tooFewValues` for empty lists, `notFinite`.
  /// - Complexity: O(n).
  public static func signAgreement(
    _ x: [Double], _ y: [Double]
  ) throws(EvaluationError) -> Double {
    try requireComparable(x, y, count: 1)
    func sign(_ value: Double) -> Int { value > 0 ? 1 : value < 0 ? -1 : 0 }
    return Double(x.indices.count { sign(x[$0]) == sign(y[$0]) }) / Double(x.count)
  }

  /// The Jaccard overlap of the largest values of two lists: |A ∩ B|/|A ∪ B|, from 0 to 1.
  ///
  /// A and B are the indices of the k largest values of `x` and of `y`; equal values at the cut go to
  /// the lower index. With the share c of `topOverlap(_:_:fraction:)` it is c/(2 − c).
  ///
  /// - Parameters:
  ///   - x: n values.
  ///   - y: n values.
  ///   - count: k in 1 ... n.
  /// - Throws: `differentLengths`, `tooFewValues` for fewer than k values, `notFinite`.
  /// - Complexity: O(n log n).
  public static func topJaccard(
    _ x: [Double], _ y: [Double], count: Int
  ) throws(EvaluationError) -> Double {
    precondition(count >= 1, "the top \(count)")
    try requireComparable(x, y, count: count)
    let first = Set(Ranks.descendingOrder(of: x).prefix(count))
    let common = Ranks.descendingOrder(of: y).prefix(count).count { first.contains($0) }
    return Double(common) / Double(2 * count - common)
  }
}
