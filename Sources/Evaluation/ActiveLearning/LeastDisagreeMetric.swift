internal import Data
public import LinearAlgebra
public import Models

/// How little a classifier must change to decide otherwise on an example: small where it is unsure.
///
///     L(x) = inf {ρ(h, g) : g(x) ≠ h(x)},   ρ(h, g) = the share of inputs on which h and g disagree
///
/// The estimate changes the last layer at random, W' ~ N(W, σ²), with growing σ. A change that gives a share ρ̂ of the
/// reference examples another class lowers L to ρ̂ for every pool example that it gives another class. Source: Cho, Kim
/// and others, "Querying Easily Flip-flopped Samples for Deep Active Learning" (arXiv 2401.09787), algorithms 1 and 2.
public struct LeastDisagreeMetric: Sendable {
  /// L of each pool example, from 0 to 1; it is 1 where no change gave the example another class.
  public let values: [Double]
  /// How many changes were tried.
  public let draws: Int

  /// Estimates L.
  ///
  /// - Parameters:
  ///   - head: The last layer.
  ///   - pool: The features of the examples in question, `p × d`.
  ///   - reference: The features of the examples that stand for all inputs, `s × d`; the pool unless given.
  ///   - settings: The deviations, the patience and the seed.
  ///   - progress: Called with the share of the deviations that is done.
  /// - Throws: `ModelError` where features do not fit the layer or are not finite, or a setting is out of range.
  /// - Complexity: 2(p + s)·d·classes operations per change, and at least `patience` changes per deviation. The result
  ///   is the same bit for bit on any number of threads.
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
        // These many are tried in any case, so the result does not depend on how changes are put together.
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
