internal import Data
public import LinearAlgebra
public import Models
internal import RealModule

/// A batch of unsure examples that differ from each other: LDM-S.
///
///     L_q = the q-th smallest L,   γᵢ = exp(−max(Lᵢ − L_q, 0)/L_q)
///
/// The γ beyond the q smallest L are scaled to sum to q, and cut at 1. The first example picked is that of the smallest
/// L. Each further one is drawn with a chance proportional to (γᵢ·Dᵢ)², where Dᵢ = 1 − cos is the distance of its
/// features to those of the nearest example picked so far. This is the k-means++ of Arthur and Vassilvitskii (2007)
/// with weights; arXiv 2401.09787, section 3.3.
public enum LeastDisagreeSelection {
  /// The weights γ, p numbers from 0 to 1.
  ///
  /// Where L_q is 0, the smallest positive L stands in for it; where no L is positive, all weights are 1.
  ///
  /// - Parameters:
  ///   - values: L, p numbers from 0 to 1.
  ///   - count: q, from 1 to p.
  public static func weights(_ values: [Double], count: Int) -> [Double] {
    precondition(count >= 1 && count <= values.count, "\(count) of \(values.count) examples")
    let order = ascending(values)
    var scale = values[order[count - 1]]
    if scale == 0 { scale = values.filter { $0 > 0 }.min() ?? 0 }
    guard scale > 0 else { return [Double](repeating: 1, count: values.count) }
    var weights = values.map { Double.exp(-max($0 - scale, 0) / scale) }
    let others = order[count...]
    let sum = others.reduce(0) { $0 + weights[$1] }
    if sum > 0 {
      for index in others { weights[index] = min(1, weights[index] * Double(count) / sum) }
    }
    return weights
  }

  /// Picks a batch.
  ///
  /// - Parameters:
  ///   - count: q, from 1 to p.
  ///   - values: L, p numbers from 0 to 1.
  ///   - features: The features, `p × d`, no row of which is zero.
  ///   - seed: The seed of the draws.
  /// - Returns: q different rows, in the order in which they were picked. Where all rows that are left have the
  ///   direction of a picked one, the row of the smallest L is next, and of equal ones the lower row.
  /// - Throws: `ModelError.badSetting` for a row of zeros, which has no direction, or a q that is out of range.
  /// - Complexity: O(qpd).
  public static func rows(
    _ count: Int, values: [Double], features: Matrix<Double>, seed: UInt64 = 0
  ) throws(ModelError) -> [Int] {
    precondition(values.count == features.rows, "\(values.count) values, \(features.rows) rows")
    try ModelError.check(
      count >= 1 && count <= values.count, "number of picked examples", count,
      "from 1 to the \(values.count) that there are")
    let norms = features.view.squaredRowNorms().map { $0.squareRoot() }
    if let row = norms.firstIndex(where: { !($0 > 0 && $0.isFinite) }) {
      throw .badSetting(
        name: "the norm of the features in row \(row)", value: norms[row],
        allowed: "features that are finite and not all zero, for they have no direction otherwise")
    }
    var unit = features
    unit.scaleRows(by: norms.map { 1 / $0 })
    let weights = weights(values, count: count)
    let order = ascending(values)
    var generator = SeededGenerator(seed: seed, stream: 0x1d3)
    var picked = [order[0]]
    var isPicked = [Bool](repeating: false, count: values.count)
    isPicked[order[0]] = true
    var distances = [Double](repeating: .infinity, count: values.count)
    while picked.count < count {
      let last = picked[picked.count - 1]
      let cosines = Matrix(
        product: unit.view[rows: last..<last + 1], unit.transposed
      ).elements
      for row in distances.indices {
        // Rounding leaves equal directions a little apart.
        let distance = 1 - cosines[row] < 1e-14 ? 0 : 1 - cosines[row]
        distances[row] = isPicked[row] ? 0 : min(distances[row], distance)
      }
      let chances = zip(weights, distances).map { ($0 * $1) * ($0 * $1) }
      let next =
        draw(chances, using: &generator) ?? order.first(where: { !isPicked[$0] }) ?? order[0]
      picked.append(next)
      isPicked[next] = true
    }
    return picked
  }

  /// An index with a chance proportional to its weight; nil where all are 0.
  private static func draw(_ chances: [Double], using generator: inout SeededGenerator) -> Int? {
    let total = chances.reduce(0, +)
    guard total > 0 else { return nil }
    var rest = generator.uniform() * total
    for (index, chance) in chances.enumerated() where chance > 0 {
      if rest < chance { return index }
      rest -= chance
    }
    return chances.lastIndex(where: { $0 > 0 })
  }

  /// The rows by L; of equal ones, the lower row first.
  static func ascending(_ values: [Double]) -> [Int] {
    values.indices.sorted { first, second in
      values[first] < values[second] || (values[first] == values[second] && first < second)
    }
  }
}
