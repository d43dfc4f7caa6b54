import Foundation
import InfluenceKit
import TestSupport

/// Training and query gradients in blocks, whose numbers are the same in both precisions.
struct Problem: Sendable {
  /// One block of a problem: its numbers are singles, held as doubles.
  struct Block: Sendable {
    var name: String
    var shape: [Int]
    var gradients: Matrix<Double>
    var queries: Matrix<Double>
  }

  var blocks: [Block]
  var damping = Damping.standard

  init(blocks: [Block], damping: Damping = .standard) {
    self.blocks = blocks
    self.damping = damping
  }

  /// A problem of one block.
  init(
    gradients: Matrix<Double>, queries: Matrix<Double>, damping: Damping = .standard,
    name: String = "weight"
  ) {
    blocks = [
      Block(
        name: name, shape: [gradients.columns], gradients: gradients.inSingles,
        queries: queries.inSingles)
    ]
    self.damping = damping
  }

  /// Three blocks of different scale: n < d, d < n, and n = d.
  static let standard = Problem(
    blocks: [
      .random("a.weight", shape: [4, 9], rows: 24, .lowRank, scale: 1, seed: 1),
      .random("b.weight", shape: [10], rows: 24, .geometric, scale: 1e-3, seed: 2),
      .random("c.weight", shape: [3, 8], rows: 24, .flat, scale: 30, seed: 3),
    ])

  var exampleCount: Int { blocks.first?.gradients.rows ?? 0 }
  var queryCount: Int { blocks.first?.queries.rows ?? 0 }

  func training(_ precision: CurvatureOptions.Precision) -> GradientStore {
    precision == .single
      ? store("train", \.gradients, as: Float.self) : store("train", \.gradients, as: Double.self)
  }

  func queries(_ precision: CurvatureOptions.Precision) -> GradientStore {
    precision == .single
      ? store("query", \.queries, as: Float.self) : store("query", \.queries, as: Double.self)
  }

  func store<Element: Scalar>(
    _ name: String, _ values: KeyPath<Block, Matrix<Double>>, as: Element.Type
  ) -> GradientStore {
    GradientStore(
      name: name,
      blocks: blocks.map { ($0.name, $0.shape, Matrix<Element>(converting: $0[keyPath: values])) })
  }

  /// A problem with other gradients and queries in each block.
  func mapping(_ change: (Block) -> Block) -> Problem {
    Problem(blocks: blocks.map(change), damping: damping)
  }

  /// The same blocks, one a problem.
  var separated: [Problem] { blocks.map { Problem(blocks: [$0], damping: damping) } }

  /// What plain formulas make of each block.
  var naive: [NaiveBlock] { blocks.map { NaiveBlock($0, damping: damping) } }
}

extension Problem.Block {
  /// Random gradients with a spectrum, and five queries: three of their own kind, one near a training
  /// example, one a mixture of training examples.
  static func random(
    _ name: String, shape: [Int], rows: Int, _ spectrum: Spectrum, scale: Double = 1,
    seed: UInt64
  ) -> Problem.Block {
    var generator = SeededGenerator(seed: seed, stream: 77)
    let columns = shape.reduce(1, *)
    let gradients = spectrum.matrix(rows, columns, scale: scale, using: &generator)
    var queries = Matrix<Double>.normal(5, columns, deviation: scale, using: &generator)
    for column in 0..<columns {
      queries[3, column] = gradients[0, column] + 0.1 * queries[3, column]
      queries[4, column] = (0..<rows).reduce(0) { $0 + gradients[$1, column] } / 2
    }
    return Problem.Block(
      name: name, shape: shape, gradients: gradients.inSingles, queries: queries.inSingles)
  }
}

/// What gradients look like.
enum Spectrum: String, CaseIterable, Sendable {
  /// Independent normal numbers.
  case flat
  /// Standard deviations that fall by three decades over random directions.
  case geometric
  /// Three shared directions and a little noise.
  case lowRank
  /// One direction that all examples share, ten times the rest.
  case spike
  /// Norms of examples over several decades.
  case heavyTail
  /// Every example several times.
  case repeated

  func matrix(
    _ rows: Int, _ columns: Int, scale: Double = 1, using generator: inout SeededGenerator
  ) -> Matrix<Double> {
    var matrix = Matrix<Double>.normal(rows, columns, deviation: scale, using: &generator)
    switch self {
    case .flat: return matrix
    case .geometric:
      for column in 0..<columns {
        let factor = pow(10, -3 * Double(column) / Double(max(1, columns - 1)))
        for row in 0..<rows { matrix[row, column] *= factor }
      }
      return Naive.product(
        matrix, Matrix<Double>.randomOrthogonal(columns, using: &generator))
    case .lowRank:
      return .lowRankPlusNoise(
        rows: rows, columns: columns, rank: 3, noise: 0.1, scale: scale, using: &generator)
    case .spike:
      let direction = (0..<columns).map { _ in 10 * generator.normal() }
      for row in 0..<rows {
        for column in 0..<columns { matrix[row, column] += scale * direction[column] }
      }
      return matrix
    case .heavyTail:
      for row in 0..<rows {
        let factor = pow(10, generator.normal())
        for column in 0..<columns { matrix[row, column] *= factor }
      }
      return matrix
    case .repeated:
      for row in 0..<rows { matrix[row: row] = matrix[row: row % max(1, rows / 4)] }
      return matrix
    }
  }
}

extension Matrix<Double> {
  /// The largest magnitude.
  var largest: Double { Naive.largest(self) }
  /// The largest row norm.
  var largestRow: Double { Naive.rowNorms(self).max() ?? 0 }
  /// The root of the sum of squares.
  var frobenius: Double { Naive.norm(elements) }
  /// Some of the rows, in the given order.
  func rows(_ places: [Int]) -> Matrix<Double> {
    Matrix(
      rows: places.count, columns: columns, elements: places.flatMap { Array(self[row: $0]) })
  }
  /// Times a number.
  func scaled(by factor: Double) -> Matrix<Double> {
    Matrix(rows: rows, columns: columns, elements: elements.map { factor * $0 })
  }
}
