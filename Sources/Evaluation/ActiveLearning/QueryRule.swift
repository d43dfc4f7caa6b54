internal import Data
package import LinearAlgebra
package import Models
internal import RealModule

/// How the next examples to label are chosen from those without labels: the rules of active learning, by the
/// names that files use.
package enum QueryRule: String, CaseIterable, Decodable, Sendable {
  /// The least disagree metric with k-means++ on it.
  case leastDisagree = "ldm-s"
  /// The highest entropy of the predicted probabilities.
  case entropy
  /// The smallest gap between the two highest probabilities.
  case margin
  /// The farthest from all labelled ones, one after the other (greedy k-center).
  case kCenter = "k-center"
  /// A random choice.
  case random

  /// Chooses examples.
  ///
  /// - Parameters:
  ///   - count: How many, at most as many as there are.
  ///   - model: A network trained on the labelled examples.
  ///   - pool: The features of the examples without labels, `p × d`.
  ///   - labelled: The features of those with labels.
  ///   - metric: Deviations and patience of the least disagree metric.
  /// - Returns: Rows of the pool, all different.
  package func rows(
    _ count: Int, of pool: Matrix<Double>, labelled: Matrix<Double>,
    model: MultilayerPerceptron<Double>, metric: LeastDisagreeSettings, seed: UInt64
  ) throws -> [Int] {
    switch self {
    case .random:
      var generator = SeededGenerator(seed: seed, stream: 0x7175_6572)
      return Array(generator.permutation(pool.rows).prefix(count))
    case .entropy:
      return Self.first(
        count,
        Self.probabilities(model, pool).map { row in
          row.reduce(0) { $0 + ($1 > 0 ? $1 * Double.log($1) : 0) }
        })
    case .margin:
      return Self.first(
        count,
        Self.probabilities(model, pool).map { row in
          let sorted = row.sorted(by: >)
          return sorted[0] - sorted[1]
        })
    case .kCenter:
      return Self.centers(
        count, of: model.penultimateFeatures(of: pool.view),
        covered: model.penultimateFeatures(of: labelled.view))
    case .leastDisagree:
      let features = model.penultimateFeatures(of: pool.view)
      let layer = model.layers[model.layers.count - 1]
      var settings = metric
      settings.seed = seed
      let metric = try LeastDisagreeMetric(
        head: LinearHead(weights: layer.weight, bias: layer.bias), pool: features,
        settings: settings)
      return try LeastDisagreeSelection.rows(
        count, values: metric.values, features: features, seed: seed)
    }
  }

  /// The rows of the lowest values; of equal ones, the lower rows.
  private static func first(_ count: Int, _ values: [Double]) -> [Int] {
    Array(
      values.indices.sorted { (values[$0], $0) < (values[$1], $1) }.prefix(count))
  }

  private static func probabilities(
    _ model: MultilayerPerceptron<Double>, _ pool: Matrix<Double>
  ) -> [[Double]] {
    let logits = model.logits(of: pool.view)
    return (0..<pool.rows).map { Softmax(Array(logits[row: $0])).probabilities }
  }

  /// Sener and Savarese's greedy k-center: the point that is farthest from its nearest centre is the next centre.
  private static func centers(
    _ count: Int, of features: Matrix<Double>, covered: Matrix<Double>
  ) -> [Int] {
    func squaredDistance(_ row: Int, _ other: ArraySlice<Double>) -> Double {
      zip(features[row: row], other).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    var distances = (0..<features.rows).map { row in
      (0..<covered.rows).reduce(Double.infinity) { min($0, squaredDistance(row, covered[row: $1])) }
    }
    var picked: [Int] = []
    var isPicked = [Bool](repeating: false, count: features.rows)
    while picked.count < count {
      var next = -1
      for row in distances.indices where !isPicked[row] {
        if next < 0 || distances[row] > distances[next] { next = row }
      }
      picked.append(next)
      isPicked[next] = true
      let center = features[row: next]
      for row in distances.indices {
        distances[row] = min(distances[row], squaredDistance(row, center))
      }
    }
    return picked
  }
}
