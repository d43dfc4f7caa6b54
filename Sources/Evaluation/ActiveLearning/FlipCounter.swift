package import LinearAlgebra
package import Models

/// A random change σ·Z of a last layer's weights and bias, Z standard normal.
package struct HeadChange: Sendable {
  /// The change of the weights, `classes × d`.
  package let weights: Matrix<Double>
  /// The change of the bias, one number per class; empty where the layer has no bias.
  package let bias: [Double]

  /// Draws a change; the seed and the stream decide it.
  package init(of head: LinearHead, deviation: Double, seed: UInt64, stream: UInt64) {
    var generator = SeededGenerator(seed: seed, stream: stream)
    weights = .normal(
      head.weights.rows, head.weights.columns, deviation: deviation, using: &generator)
    bias = head.bias.map { bias in bias.map { _ in deviation * generator.normal() } } ?? []
  }
}

/// Tells which rows get another class when the last layer changes.
struct FlipCounter: Sendable {
  private let head: LinearHead
  private let features: Matrix<Double>
  private let logits: Matrix<Double>
  private let classes: [Int]

  /// How many rows are multiplied together, whatever the number of threads.
  private static let rowsPerPiece = 512
  /// The most changes in one product, so that the logits of a piece stay in cache.
  static let mostChanges = 16

  init(head: LinearHead, features: Matrix<Double>) {
    self.head = head
    self.features = features
    var logits = Matrix(product: features.view, head.weights.transposed)
    if let bias = head.bias {
      for row in 0..<logits.rows {
        for column in 0..<logits.columns { logits[row, column] += bias[column] }
      }
    }
    self.logits = logits
    classes = (0..<logits.rows).map { LinearHead.classOf(logits[row: $0]) }
  }

  /// For each change, the ascending rows to which it gives another class.
  func flips(by changes: [HeadChange]) throws -> [[Int]] {
    let width = head.weights.rows
    // All changes in one product: rows × (changes · classes).
    let stacked = Matrix(
      rows: changes.count * width, columns: head.weights.columns,
      elements: changes.flatMap(\.weights.elements))
    let biases =
      head.bias == nil
      ? [Double](repeating: 0, count: stacked.rows) : changes.flatMap(\.bias)
    let size = Self.rowsPerPiece
    let pieces = try Parallelism.map((features.rows + size - 1) / size) { piece -> [[Int]] in
      let range = piece * size..<min(features.rows, (piece + 1) * size)
      let moved = Matrix(product: features.view[rows: range], stacked.transposed)
      var flipped = [[Int]](repeating: [], count: changes.count)
      let (before, change, bias) = (logits.elements.span, moved.elements.span, biases.span)
      for row in range {
        let start = (row - range.lowerBound) * bias.count
        for place in 0..<changes.count {
          // The largest of the changed logits, or, of a single one, its sign.
          var best = 0
          var largest = -Double.infinity
          for index in 0..<width {
            let column = place * width + index
            let logit = before[row * width + index] + change[start + column] + bias[column]
            if logit > largest { (best, largest) = (index, logit) }
          }
          if width == 1 { best = largest > 0 ? 1 : 0 }
          if best != classes[row] { flipped[place].append(row) }
        }
      }
      return flipped
    }
    return changes.indices.map { place in pieces.flatMap { $0[place] } }
  }
}
