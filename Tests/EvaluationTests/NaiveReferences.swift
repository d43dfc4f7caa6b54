import LinearAlgebra

/// Σᵢⱼ (xᵢ − xⱼ)(yᵢ − yⱼ)/√(Σᵢⱼ (xᵢ − xⱼ)² Σᵢⱼ (yᵢ − yⱼ)²): Pearson's correlation without a mean.
func naivePearson(_ x: [Double], _ y: [Double]) -> Double {
  var (products, squaresX, squaresY) = (0.0, 0.0, 0.0)
  for i in x.indices {
    for j in x.indices {
      products += (x[i] - x[j]) * (y[i] - y[j])
      squaresX += (x[i] - x[j]) * (x[i] - x[j])
      squaresY += (y[i] - y[j]) * (y[i] - y[j])
    }
  }
  return products / (squaresX * squaresY).squareRoot()
}

/// The rank of each value by counting: #smaller + (#equal + 1)/2.
func naiveRanks(_ values: [Double]) -> [Double] {
  values.map { value in
    Double(values.count { $0 < value }) + Double(values.count { $0 == value } + 1) / 2
  }
}

/// The area under the ROC curve by asking every pair of a positive and a negative.
func naiveAreaUnderROC(_ scores: [Double], _ positives: Set<Int>) -> Double {
  var (wins, pairs) = (0.0, 0.0)
  for i in scores.indices where positives.contains(i) {
    for j in scores.indices where !positives.contains(j) {
      wins += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0
      pairs += 1
    }
  }
  return wins / pairs
}

/// The k highest scores by taking the highest that is left, k times; of equal ones the first.
func naiveTop(_ scores: [Double], _ count: Int) -> [Int] {
  var left = Array(scores.indices)
  var top: [Int] = []
  while top.count < count {
    guard let position = left.indices.max(by: { scores[left[$0]] < scores[left[$1]] }) else {
      break
    }
    // max(by:) may give any of the equal ones; the first is the one with the lowest index.
    let best = scores[left[position]]
    guard let first = left.firstIndex(where: { scores[$0] == best }) else { break }
    top.append(left.remove(at: first))
  }
  return top
}

func normals(_ count: Int, _ generator: inout SeededGenerator) -> [Double] {
  (0..<count).map { _ in generator.normal() }
}

/// How far two correlations of n exact values may be apart.
///
/// A sum of n products has the relative error n · u at most (u = 2⁻⁵³) against Σ|xᵢyᵢ| ≤ √(Σx² Σy²),
/// each of the two square sums the same, halved by the root: 2 n u for a correlation, and a few u for
/// each value's subtraction, product and the last divisions. Two of those, (2n + 8) · 2u.
func correlationBound(_ count: Int) -> Double {
  Double(2 * count + 8) * 0x1p-52
}
