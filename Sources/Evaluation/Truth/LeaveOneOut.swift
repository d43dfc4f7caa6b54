import Algorithms
public import Data
public import LinearAlgebra
public import Models

/// The truth that influence predicts: how a query's loss changes when a training example is left out and
/// the model trained anew.
///
///     Δ_qi = f_q(θ₋ᵢ) − f_q(θ)        predicted by S_qi/n with S = V·H⁻¹·Gᵀ, H of the mean loss
///
/// For convex models, which have one minimum each; retrained from the minimum by Newton's method until the
/// gradient is as small as at the start. Positive means that the example helps the query.
public enum LeaveOneOut {
  /// Logistic or softmax regression.
  ///
  /// - Parameters:
  ///   - model: The model of all examples.
  ///   - queries: m examples whose losses are watched.
  ///   - rows: The training examples that are left out, one at a time; all unless given.
  ///   - progress: Called with the share that is done.
  /// - Returns: `m × rows`.
  /// - Throws: `ModelError`, or `FactorizationError`.
  /// - Complexity: a factorization, and a few gradients and solutions per example.
  public static func changes(
    of model: some ConvexClassifier, queries: TabularDataSet<Double>, rows: [Int]? = nil,
    progress: (@Sendable (Double) -> Void)? = nil
  ) throws -> Matrix<Double> {
    let factor = try Cholesky(factoring: model.hessian())
    let before = try model.losses(of: queries)
    return try changes(rows ?? Array(0..<model.data.count), before, progress) { row in
      try model.leavingOut(row, factor: factor).losses(of: queries)
    }
  }

  /// Ridge regression, by the formula: the loss of a query is ½(y − xᵀθ)².
  ///
  /// - Parameters:
  ///   - model: The model of all examples.
  ///   - queries: The queries' features, `m × d`.
  ///   - targets: Their targets, m numbers.
  /// - Returns: `m × n`.
  public static func changes(
    of model: RidgeRegression, queries: Matrix<Double>, targets: [Double]
  ) -> Matrix<Double> {
    func losses(_ parameters: [Double]) -> [Double] {
      let row = Matrix(rows: 1, columns: parameters.count, elements: parameters)
      let fitted = Matrix(product: row.view, queries.transposed).elements
      return zip(targets, fitted).map { ($0 - $1) * ($0 - $1) / 2 }
    }
    let before = losses(model.parameters)
    var changes = Matrix<Double>.zeros(queries.rows, model.features.rows)
    for example in 0..<model.features.rows {
      let change = model.changeLeavingOut(example)
      let after = losses(zip(model.parameters, change).map { $0 + $1 })
      for query in 0..<queries.rows { changes[query, example] = after[query] - before[query] }
    }
    return changes
  }

  private static func changes(
    _ rows: [Int], _ before: [Double], _ progress: (@Sendable (Double) -> Void)?,
    _ losses: @Sendable (Int) throws -> [Double]
  ) throws -> Matrix<Double> {
    var changes = Matrix<Double>.zeros(before.count, rows.count)
    // A group at a time, so that there is progress to show.
    let size = 16 * Parallelism.threads
    for places in rows.indices.chunks(ofCount: size) {
      let after = try Parallelism.map(places.count) { try losses(rows[places.lowerBound + $0]) }
      for (place, values) in after.enumerated() {
        for query in before.indices {
          changes[query, places.lowerBound + place] = values[query] - before[query]
        }
      }
      progress?(Double(places.upperBound) / Double(rows.count))
    }
    return changes
  }
}
