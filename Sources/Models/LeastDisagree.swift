internal import Data
public import LinearAlgebra
internal import RealModule

/// How the least disagree metric is estimated.
public struct LeastDisagreeSettings: Sendable, Hashable {
  /// The deviations of the changes of the last layer, ascending.
  public var deviations: [Double]
  /// How many changes in a row must lower nothing before the next deviation, s.
  public var patience: Int
  /// Decides the changes.
  public var seed: UInt64

  /// 10⁻⁵, 10⁻⁴·⁹, …, 1: the 51 deviations of the paper.
  public static let standardDeviations = (0...50).map { Double.exp10(-5 + Double($0) / 10) }

  /// Makes settings; the defaults are those of the paper.
  public init(
    deviations: [Double] = standardDeviations, patience: Int = 10, seed: UInt64 = 0
  ) {
    self.deviations = deviations
    self.patience = patience
    self.seed = seed
  }
}

/// How little a classifier must change to decide otherwise on an example: small where it is unsure.
///
///     L(x) = inf {ρ(h, g) : g(x) ≠ h(x)},   ρ(h, g) = the share of inputs on which h and g disagree
///
/// Estimated by changing the last layer, W' ~ N(W, σ²), for growing σ: each change has the share ρ̂ of reference
/// examples whose class changes, and L of every pool example whose class changes is lowered to it. Cho, Kim and others,
/// "Querying Easily Flip-flopped Samples for Deep Active Learning" (arXiv 2401.09787), algorithms 1 and 2.
public struct LeastDisagreeMetric: Sendable {
  /// L of each pool example, from 0 to 1; 1 where no change changed its class.
  public let values: [Double]
  /// How many changes were tried.
  public let draws: Int

  /// Estimates L.
  ///
  /// - Parameters:
  ///   - head: The last layer.
  ///   - pool: The features of the examples in question, `p × d`.
  ///   - reference: The features of the examples that stand for all inputs, `s × d`; the pool unless given.
  ///   - settings: Deviations, patience, seed.
  ///   - progress: Called with the share of the deviations that is done.
  /// - Throws: ``ModelError``.
  /// - Complexity: 2(p + s)·d·classes operations a change, at least `patience` changes a deviation. The same bits on
  ///   any number of threads.
  public init(
    head: LinearHead, pool: Matrix<Double>, reference: Matrix<Double>? = nil,
    settings: LeastDisagreeSettings = .init(), progress: ((Double) -> Void)? = nil
  ) throws {
    try Self.check(pool, head)
    if let reference { try Self.check(reference, head) }
    try settings.validate()
    let pools = FlipCounter(head: head, features: pool)
    let references = reference.map { FlipCounter(head: head, features: $0) }
    var values = [Double](repeating: 1, count: pool.rows)
    var draws = 0
    for (place, deviation) in settings.deviations.enumerated() {
      var idle = 0
      var draw = 0
      while idle < settings.patience {
        // As many as are tried in any case: what is drawn does not depend on how they are put together.
        let changes = (0..<min(settings.patience - idle, FlipCounter.mostChanges)).map {
          HeadChange(
            of: head, deviation: deviation, seed: settings.seed,
            stream: UInt64(place) << 40 | UInt64(draw + $0))
        }
        let flipped = try pools.flips(by: changes)
        let shares = try (references?.flips(by: changes) ?? flipped).map {
          Double($0.count) / Double(reference?.rows ?? pool.rows)
        }
        for (rows, share) in zip(flipped, shares) {
          var improves = false
          for row in rows where share < values[row] {
            values[row] = share
            improves = true
          }
          idle = improves ? 0 : idle + 1
        }
        draw += changes.count
      }
      draws += draw
      progress?(Double(place + 1) / Double(settings.deviations.count))
    }
    self.values = values
    self.draws = draws
  }

  private static func check(_ features: Matrix<Double>, _ head: LinearHead) throws(ModelError) {
    guard features.rows > 0 else { throw .data(.noExamples) }
    guard features.columns == head.weights.columns else {
      throw .layerDoesNotFit(
        layer: 0,
        reason: "features of \(features.columns) numbers for weights of \(head.weights.columns)")
    }
    if let index = features.elements.firstIndex(where: { !$0.isFinite }) {
      throw .data(
        .featureNotFinite(row: index / features.columns, column: index % features.columns))
    }
  }
}

extension LeastDisagreeSettings {
  func validate() throws(ModelError) {
    try ModelError.check(patience >= 1, "patience", patience, "at least 1")
    try ModelError.check(
      !deviations.isEmpty, "number of deviations", deviations.count, "at least 1")
    for deviation in deviations {
      try ModelError.check(
        deviation > 0 && deviation.isFinite, "deviation", deviation, "a positive number")
    }
  }
}

/// σ·Z, one change of weights and bias.
package struct HeadChange: Sendable {
  /// `classes × d`.
  package let weights: Matrix<Double>
  /// One number a class, none without a bias.
  package let bias: [Double]

  package init(of head: LinearHead, deviation: Double, seed: UInt64, stream: UInt64) {
    var generator = SeededGenerator(seed: seed, stream: stream)
    weights = .normal(
      head.weights.rows, head.weights.columns, deviation: deviation, using: &generator)
    bias = head.bias.map { bias in bias.map { _ in deviation * generator.normal() } } ?? []
  }
}

/// Which rows' classes change with the last layer.
struct FlipCounter: Sendable {
  private let head: LinearHead
  private let features: Matrix<Double>
  private let logits: Matrix<Double>
  private let classes: [Int]

  /// Rows that are multiplied together, whatever the number of threads.
  private static let rowsPerPiece = 512
  /// The most changes at a time: a piece's logits stay in cache.
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

  /// The rows, ascending, whose class each change changes.
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
