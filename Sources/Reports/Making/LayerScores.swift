internal import InfluenceKit

/// The parts of some queries' scores by group of layers, before what a method multiplies its scores with.
struct LayerScores {
  private let groups: [String: Int]
  /// By method and group: m × n; nil where no block of the group has come.
  private var values: [[Matrix<Double>?]]

  init(_ layers: LayerGroups, methods: Int) {
    groups = layers.groupOfName
    values = Array(
      repeating: Array(repeating: nil, count: layers.names.count), count: methods)
  }

  mutating func add(_ scores: [Matrix<Double>], ofBlock name: String) {
    guard let group = groups[name] else { return }
    for (method, matrix) in scores.enumerated() {
      if values[method][group] == nil {
        values[method][group] = matrix
      } else {
        values[method][group]?.add(matrix)
      }
    }
  }

  /// The parts of one score, which sum to it.
  ///
  /// - Parameters:
  ///   - score: The score as the method gives it, which may be the sum of parts times a factor.
  ///   - method: The method's place.
  ///   - query: The row of the query among those that were scored together.
  ///   - example: The training example.
  func parts(of score: Double, method: Int, query: Int, example: Int) -> [Double] {
    let parts = values[method].map { $0?[query, example] ?? 0 }
    let sum = parts.reduce(0, +)
    guard sum != 0, sum != score else { return parts }
    return parts.map { $0 * (score / sum) }
  }
}
