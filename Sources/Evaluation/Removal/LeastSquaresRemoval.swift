import Data
public import Influence
public import LinearAlgebra
import Models

/// Which examples of a least-squares fit, removed together, move its prediction at a point the most.
///
///     φ = x_*ᵀθ,   N = XᵀX + αI,   A₋S = φ(θ₋S) − φ(θ) = −x_*ᵀ·N⁻¹·X_Sᵀ·(I − H_SS)⁻¹·r_S
///
/// with H = X·N⁻¹·Xᵀ and r = y − Xθ; exact for any set. Of one example it is −x_*ᵀN⁻¹xᵢ·rᵢ/(1 − hᵢ), to first order without
/// the division. θ is that of `RidgeRegression`. X is used as it is given: an intercept is a column of ones, which is
/// then in N too. Hu, Hu, Zhao and Ma (arXiv 2409.18153), section 3.
public struct LeastSquaresRemoval: RemovalModel, Sendable {
  /// The parameters θ of the fit to the examples that are left.
  public private(set) var parameters: [Double]
  /// The point x_*, d numbers.
  public let point: [Double]
  /// The residuals y − Xθ of all examples.
  public private(set) var residuals: [Double]
  /// The leverages xᵢᵀN⁻¹xᵢ of all examples; those of examples that are left are from 0 to 1.
  public private(set) var leverages: [Double]
  private let features: Matrix<Double>
  /// The matrix N⁻¹ without the removed examples.
  private var inverse: Matrix<Double>
  /// The products x_*ᵀN⁻¹xᵢ.
  private var pulls: [Double]

  /// Solves for all examples.
  ///
  /// - Parameters:
  ///   - features: X, `n × d`.
  ///   - targets: y, n numbers.
  ///   - penalty: α; positive unless X has full column rank.
  ///   - point: x_*, d numbers.
  /// - Throws: `FactorizationError` where N is singular.
  /// - Complexity: nd² + d³ operations.
  public init(features: Matrix<Double>, targets: [Double], penalty: Double, point: [Double]) throws
  {
    precondition(
      point.count == features.columns, "a point of \(point.count) for \(features.columns) columns")
    let model = try RidgeRegression(features: features, targets: targets, penalty: penalty)
    self.features = features
    self.point = point
    parameters = model.parameters
    residuals = model.residuals
    leverages = model.leverages
    inverse = model.solution(rows: .identity(features.columns))
    let row = Matrix(rows: 1, columns: point.count, elements: point)
    pulls =
      Matrix(
        product: model.solution(rows: row).view, features.transposed
      ).elements
  }

  /// The number of examples n, removed ones included.
  public var count: Int { features.rows }
  /// The answer φ without the removed examples.
  public var prediction: Double { zip(point, parameters).reduce(0) { $0 + $1.0 * $1.1 } }
  /// The first-order effects −x_*ᵀN⁻¹xᵢ·rᵢ.
  package var firstOrderEffects: [Double] { zip(pulls, residuals).map { -$0 * $1 } }
  /// The effects of single examples, −x_*ᵀN⁻¹xᵢ·rᵢ/(1 − hᵢ).
  package var effects: [Double] { zip(firstOrderEffects, slacks).map { $0 / $1 } }
  package var slacks: [Double] { leverages.map { 1 - $0 } }

  /// Removes examples, one after the other, by Sherman and Morrison's formula.
  ///
  /// - Parameter rows: Examples that were not removed before.
  /// - Throws: `InfluenceError.invalidGroup(reason:)` where an example determines a direction alone.
  /// - Complexity: O(d² + nd) per example.
  public mutating func remove(_ rows: [Int]) throws {
    for row in rows {
      let slack = 1 - leverages[row]
      guard slack >= RemovalSearch.leastSlack else { throw Self.unremovable([row]) }
      let example = Matrix(rows: 1, columns: features.columns, elements: Array(features[row: row]))
      let change = Matrix(product: example.view, inverse.view)
      let column = Matrix(product: change.view, features.transposed).elements
      let (residual, pull) = (residuals[row], pulls[row])
      inverse.add(product: change.transposed, change.view, scale: 1 / slack)
      for index in parameters.indices {
        parameters[index] -= change.elements[index] * residual / slack
      }
      for index in column.indices {
        residuals[index] += column[index] * residual / slack
        leverages[index] += column[index] * column[index] / slack
        pulls[index] += column[index] * pull / slack
      }
    }
  }

  /// The change θ₋S − θ, d numbers, from one system of the order of S.
  ///
  /// - Throws: `InfluenceError.invalidGroup(reason:)` where the rest does not determine θ.
  public func change(ofRemoving rows: [Int]) throws -> [Double] {
    let members = features.selecting(rows: rows)
    let solved = Matrix(product: members.view, inverse.view)
    var system = Matrix(product: solved.view, members.transposed)
    system.scale(by: -1)
    system.addToDiagonal(1)
    var weights = Matrix(rows: 1, columns: rows.count, elements: rows.map { -residuals[$0] })
    do throws(FactorizationError) {
      try Cholesky(factoring: system).solve(rows: &weights)
    } catch {
      throw Self.unremovable(rows)
    }
    return Matrix(product: weights.view, solved.view).elements
  }

  /// The effect A₋S, which is exactly that of a fit without the set.
  ///
  /// - Throws: `InfluenceError.invalidGroup(reason:)` where the rest does not determine θ.
  public func effect(ofRemoving rows: [Int]) throws -> Double {
    try zip(point, change(ofRemoving: rows)).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// Searches for the set of k examples with the largest effect; see `RemovalAlgorithm`.
  ///
  /// - Parameters:
  ///   - size: k, from 1 to n − 1.
  ///   - algorithm: The search.
  ///   - step: How many examples `adaptive` takes per round.
  ///   - direction: Whether φ is to rise or to fall.
  ///   - progress: Called with the share that is done.
  /// - Throws: `InfluenceError.invalidGroup(reason:)`.
  /// - Complexity: O(d² + nd) per example for `adaptive`; k³ per set for `exhaustive`.
  public func influentialSubset(
    size: Int, algorithm: RemovalAlgorithm, step: Int = 1, direction: RemovalDirection = .raise,
    progress: ((Double) -> Void)? = nil
  ) throws -> InfluentialSubset {
    try RemovalSearch.run(
      self, size: size, algorithm: algorithm, step: step, direction: direction, progress: progress)
  }

  private static func unremovable(_ rows: [Int]) -> InfluenceError {
    .invalidGroup(
      reason:
        "without rows \(rows.map(String.init).joined(separator: ", ")) a direction of the parameters is not determined; give a penalty, or remove fewer examples"
    )
  }
}
