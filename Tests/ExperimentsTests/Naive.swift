import Data
import Foundation
import InfluenceKit

/// Scores from the definitions, one example at a time.
enum Naive {
  /// (σ(wᵀx + b) − y)·(x, 1).
  static func gradient(_ parameters: [Double], _ data: TabularDataSet<Double>, _ row: Int)
    -> [Double]
  {
    let x = Array(data.features[row: row]) + [1]
    let score = zip(parameters, x).reduce(0) { $0 + $1.0 * $1.1 }
    let error = 1 / (1 + exp(-score)) - Double(data.labels[row])
    return x.map { error * $0 }
  }

  /// ∇f·gᵢ for the summed log-loss on queries.
  static func utilityScores(
    _ model: LogisticRegression, _ queries: TabularDataSet<Double>
  ) -> [Double] {
    var sum = [Double](repeating: 0, count: model.parameters.count)
    for row in 0..<queries.count {
      for (place, value) in gradient(model.parameters, queries, row).enumerated() {
        sum[place] += value
      }
    }
    return (0..<model.data.count).map { row in
      zip(sum, gradient(model.parameters, model.data, row)).reduce(0) { $0 + $1.0 * $1.1 }
    }
  }

  /// The rows left when the lowest ⌈share·n⌉ are removed.
  static func kept(_ scores: [Double], without share: Double) -> [Int] {
    let count = Int((share * Double(scores.count)).rounded(.up))
    let order = scores.indices.sorted { (scores[$0], $0) < (scores[$1], $1) }
    return order.dropFirst(count).sorted()
  }

  static func accuracy(_ model: LogisticRegression, _ data: TabularDataSet<Double>) -> Double {
    let hits = (0..<data.count).count { row in
      let x = Array(data.features[row: row]) + [1]
      let score = zip(model.parameters, x).reduce(0) { $0 + $1.0 * $1.1 }
      return (score > 0 ? 1 : 0) == data.labels[row]
    }
    return Double(hits) / Double(data.count)
  }

  /// The chance that a positive scores above a negative, pair by pair; ties count half.
  static func areaUnderROC(_ scores: [Double], positives: Set<Int>) -> Double {
    var (wins, pairs) = (0.0, 0.0)
    for row in positives {
      for other in scores.indices where !positives.contains(other) {
        pairs += 1
        wins += scores[row] > scores[other] ? 1 : scores[row] == scores[other] ? 0.5 : 0
      }
    }
    return wins / pairs
  }
}
