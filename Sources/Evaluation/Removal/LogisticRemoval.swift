public import Data
public import Influence
public import LinearAlgebra
public import Models

/// Which examples of a logistic regression, removed together, move its answer at a point the most.
///
///     N = Xᵀ·diag(p(1 − p))·X + nα·I,   X with the column of ones that the intercept is
///     first order            φ'ᵀ·N⁻¹·xᵢ·(pᵢ − yᵢ)
///     with the leverage      that/(1 − wᵢ·xᵢᵀN⁻¹xᵢ),   w = p(1 − p): one Newton step without i
///
/// φ is the margin (2y_* − 1)·x_*ᵀθ or the probability of y_*; φ' its gradient. The effect of a set is that of training
/// again without it, from the minimum by Newton's method. Hu, Hu, Zhao and Ma (arXiv 2409.18153), section 5.
public struct LogisticRemoval: RemovalModel, Sendable {
  /// The quantity that is watched at the point.
  public enum Measure: String, Sendable, CaseIterable {
    /// The margin (2y_* − 1)·x_*ᵀθ.
    case margin
    /// The probability of y_*.
    case probability
  }

  /// The model without the removed examples.
  public private(set) var model: LogisticRegression
  /// The point as a data set of one example.
  public let point: TabularDataSet<Double>
  /// The quantity that is watched.
  public let measure: Measure
  private let original: LogisticRegression
  private let originalFactor: Cholesky<Double>
  private var factor: Cholesky<Double>
  private var removed: Set<Int> = []
  private var state = State()

  /// The quantities that follow from the current model, one number per example.
  private struct State: Sendable {
    var firstOrder: [Double] = []
    var slacks: [Double] = []
  }

  /// Takes a trained model.
  ///
  /// - Parameters:
  ///   - model: The model of all n examples.
  ///   - point: One example with its class.
  ///   - measure: What is watched.
  /// - Throws: `FactorizationError`.
  public init(
    _ model: LogisticRegression, point: TabularDataSet<Double>, measure: Measure = .margin
  ) throws {
    precondition(
      point.count == 1 && point.features.columns == model.data.features.columns,
      "a point of \(point.count) × \(point.features.columns)")
    self.model = model
    self.point = point
    self.measure = measure
    original = model
    originalFactor = try Cholesky(factoring: model.hessian())
    factor = originalFactor
    update()
  }

  /// The number of examples n, removed ones included.
  public var count: Int { original.data.count }
  /// The answer φ without the removed examples.
  public var value: Double { value(of: model) }
  package var firstOrderEffects: [Double] { state.firstOrder }
  package var effects: [Double] { zip(state.firstOrder, state.slacks).map { $0 / $1 } }
  package var slacks: [Double] { state.slacks }

  private func value(of model: LogisticRegression) -> Double {
    let probability = model.probabilities(of: point)[0]
    let isOne = point.labels[0] == 1
    switch measure {
    case .probability: return isOne ? probability : 1 - probability
    case .margin:
      let logit = zip(withOne(point.features[row: 0]), model.parameters)
        .reduce(0) { $0 + $1.0 * $1.1 }
      return isOne ? logit : -logit
    }
  }

  private func withOne(_ features: ArraySlice<Double>) -> [Double] { Array(features) + [1] }

  /// Effects and leverages of all examples under the model as it is.
  private mutating func update() {
    let data = original.data
    let rows = data.features.appendingOnes()
    // Removed examples leave the sum of losses, and what it is divided by stays.
    let scale = 1 / original.denominator
    let probabilities = model.probabilities(of: data)
    let solved = factor.solution(rows: rows)
    let leverages = solved.view.rowDots(with: rows.view)
    let chance = model.probabilities(of: point)[0]
    var slope = point.labels[0] == 1 ? 1.0 : -1
    if measure == .probability { slope *= chance * (1 - chance) }
    let direction = Matrix(
      rows: 1, columns: rows.columns,
      elements: withOne(point.features[row: 0]).map { slope * $0 })
    let pulls = Matrix(product: direction.view, solved.transposed).elements
    state.firstOrder = probabilities.indices.map {
      pulls[$0] * (probabilities[$0] - Double(data.labels[$0])) * scale
    }
    state.slacks = probabilities.indices.map {
      1 - probabilities[$0] * (1 - probabilities[$0]) * leverages[$0] * scale
    }
  }

  /// Removes examples, and trains the rest from where the model is.
  ///
  /// - Throws: `ModelError`.
  /// - Complexity: a few Newton steps, O(nd² + d³).
  public mutating func remove(_ rows: [Int]) throws {
    removed.formUnion(rows)
    // Always from the whole model: the settings of a smaller one are scaled already.
    model = try original.leavingOut(removed.sorted(), from: model.parameters, factor: factor)
    factor = try Cholesky(factoring: model.hessian())
    update()
  }

  /// The answer φ of the model trained without the examples, less that of the model of all examples.
  ///
  /// - Throws: `ModelError`.
  public func effect(ofRemoving rows: [Int]) throws -> Double {
    let without = try original.leavingOut(rows, factor: originalFactor)
    return value(of: without) - value(of: original)
  }

  /// Searches for the set of k examples with the largest effect; see `RemovalAlgorithm`.
  ///
  /// - Parameters:
  ///   - size: k, from 1 to n − 1.
  ///   - algorithm: The search.
  ///   - step: How many examples `adaptive` takes per round.
  ///   - direction: Whether φ is to rise or to fall.
  ///   - progress: Called with the share that is done.
  /// - Throws: `InfluenceError.invalidGroup(reason:)`, `ModelError`.
  /// - Complexity: `adaptive` trains once per round, `exhaustive` once per set.
  public func influentialSubset(
    size: Int, algorithm: RemovalAlgorithm, step: Int = 1, direction: RemovalDirection = .raise,
    progress: ((Double) -> Void)? = nil
  ) throws -> InfluentialSubset {
    try RemovalSearch.run(
      self, size: size, algorithm: algorithm, step: step, direction: direction, progress: progress)
  }
}
