public import LinearAlgebra

/// The exact scores without K or F: block conjugate gradients over passes.
///
/// Solves X·(F + λI) = V for all queries of a block together. A step reads the training gradients
/// once and searches the directions of all queries for each of them, which takes about half the
/// passes of one search a query (docs/methods.md has the recurrence, docs/performance.md numbers).
/// For stores whose K (n × n) and F (d × d) are both too large:
/// what it keeps is a few matrices of the queries' size, `m × d`, and one of `m × n`.
///
/// Stops at ‖(F + λI)x − v‖ ≤ tolerance · ‖v‖, checks that by the pass that gives the scores, and
/// goes on where rounding has made it untrue. What falls short is a warning with the residual.
/// `Scores.convergence` has the residual after each pass.
///
/// - Cost: 4mnd + O(m²(n + d) + m³) a step, in one pass, and 4mnd for the scores and their
///   residual, in another. With DataInf as preconditioner a step takes two passes and 8mnd.
///   Queries go in groups of 512; self-influence in groups of 256 training examples.
public struct PreconditionedConjugateGradient: Estimator {
  /// What stands before the residuals that directions are made of.
  public enum Preconditioner: String, Sendable, CaseIterable {
    /// Nothing: one pass a step.
    case none
    /// DataInf's M: two passes a step.
    ///
    /// F + λI after M is a product of two operators that each take all of G, the second after the
    /// first, so no recurrence makes one reading of both.
    case dataInf = "datainf"
  }

  /// The relative residual to reach.
  public var tolerance: Double
  /// The most steps to take.
  public var maximumSteps: Int
  /// What stands before the residuals.
  public var preconditioner: Preconditioner

  /// Makes the estimator.
  ///
  /// - Parameters:
  ///   - tolerance: The relative residual to reach, in 0 ..< 1; 0 goes on until the steps run out.
  ///     In single precision little below 1e-4 can be reached where (s_max + λ)/λ is large.
  ///   - maximumSteps: The most steps to take.
  ///   - preconditioner: None by default: DataInf's matrix is close to I/λ, saves few steps and
  ///     doubles the passes of each.
  public init(
    tolerance: Double = 1e-3, maximumSteps: Int = 200, preconditioner: Preconditioner = .none
  ) {
    self.tolerance = tolerance
    self.maximumSteps = maximumSteps
    self.preconditioner = preconditioner
  }

  /// `pcg`.
  public var name: String { "pcg" }
  /// Tolerance, steps and preconditioner.
  public var settings: [String: String] {
    [
      "tolerance": "\(tolerance)", "steps": "\(maximumSteps)",
      "preconditioner": preconditioner.rawValue,
    ]
  }

  /// The query side alone: it works by passes over G.
  public func works(on side: Side) -> Bool { side == .query }

  /// Nothing but norms.
  public func need(on side: Side) -> CurvatureNeed { .norms }

  /// Not to be called: the method has no score side.
  public func scoreSide<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) throws -> any ScoreSideOperator {
    preconditionFailure("pcg works on the query side alone")
  }

  /// Keeps norms and damping.
  public func querySide<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) throws -> any QuerySideOperator {
    try validateSettings()
    return PassesOnQueries(estimator: self, context: gram.context)
  }

  /// A tolerance in 0 ..< 1, and at least one step.
  public func validateSettings() throws(InfluenceError) {
    guard tolerance >= 0, tolerance < 1 else {
      throw .invalidSetting(
        method: name, setting: "tolerance", reason: "\(tolerance) does not lie in 0 ..< 1")
    }
    guard maximumSteps > 0 else {
      throw .invalidSetting(
        method: name, setting: "steps", reason: "\(maximumSteps) is not positive")
    }
  }
}

/// Block conjugate gradients, a group of queries after the other.
private struct PassesOnQueries: QuerySideOperator {
  let estimator: PreconditionedConjugateGradient
  let context: BlockContext

  /// More queries than this do not share a search space: the eigendecomposition of their m × m
  /// products would cost more than the passes that it saves.
  private static let groupSize = 512

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) throws -> Preconditioned<Element> {
    let solver = BlockConjugateGradientSolver(
      pass: pass, context: context, tolerance: estimator.tolerance,
      maximumSteps: estimator.maximumSteps, usesDataInf: estimator.preconditioner == .dataInf)
    var answer = Preconditioned<Element>(rows: .zeros(0, queries.columns))
    var rows: [Element] = []
    var scores: [Element] = []
    var norms: [Double] = []
    for first in stride(from: 0, to: queries.rows, by: Self.groupSize) {
      let group = first..<min(queries.rows, first + Self.groupSize)
      let result = try solver.solve(queries[rows: group])
      rows += result.solution.elements
      scores += result.scores.elements
      norms += result.residualNorms
      answer.convergence.append(result.convergence)
      answer.warnings += warnings(of: result)
    }
    answer.rows = Matrix(rows: queries.rows, columns: queries.columns, elements: rows)
    answer.scores = Matrix(
      rows: queries.rows, columns: context.exampleCount, elements: scores)
    answer.residualNorms = norms
    return answer
  }

  /// What a user should know of a group that did not reach the tolerance.
  private func warnings<Element: Scalar>(
    of result: BlockConjugateGradientSolver<Element>.Result
  ) -> [String] {
    let reason: String
    switch result.ending {
    case .converged: return []
    case .outOfSteps:
      reason = "after \(estimator.maximumSteps) steps; raise steps, the tolerance or the damping"
    case .atPrecision:
      reason = "at the precision of products; use double precision, or raise the tolerance"
    case .brokenDown:
      reason = "where no new direction was left; use double precision, or raise the damping"
    }
    let worst = result.convergence.worst.last ?? .nan
    return [
      "block \(context.name): the residual is \(worst) of the query where \(estimator.tolerance) was asked for: stopped \(reason)"
    ]
  }
}
