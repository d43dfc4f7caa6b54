public import Gradients
import LinearAlgebra

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
///   residual, in another. With DataInf as preconditioner a step takes two passes and 8mnd; EK-FAC and
///   corrected Shampoo are fitted once, and take 4pq(p + q) per query and step.
///   Queries go in groups of 512; self-influence in groups of 256 training examples.
public struct PreconditionedConjugateGradient: Estimator {
  /// What stands before the residuals that directions are made of.
  public enum Preconditioner: String, Sendable, CaseIterable {
    /// No preconditioner: one pass per step.
    case none
    /// DataInf's M: two passes per step.
    ///
    /// F + λI after M is a product of two operators that each take all of G, the second after the
    /// first, so no recurrence makes one reading of both.
    case dataInf = "datainf"
    /// EK-FAC's M, from the model's Kronecker factors: one pass per step.
    case ekfac
    /// Corrected Shampoo's M, from the gradients alone: one pass per step.
    case correctedShampoo = "eshampoo"

    /// The method that gives M where it is one that is fitted; nil where it is none.
    fileprivate var method: (any Estimator)? {
      switch self {
      case .none, .dataInf: nil
      case .ekfac: EKFAC()
      case .correctedShampoo: CorrectedShampoo()
      }
    }

    /// How often it reads the training gradients in each step.
    fileprivate var passes: Int { self == .dataInf ? 1 : 0 }
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
  public static let name = "pcg"
  /// What the method is, in one line.
  public static let summary = "exact by passes"
  /// Formula, source and cost.
  public static let page: MethodPage? = MethodPage(
    formula: "X·(F + λI) = V by block conjugate gradients over passes, without K and F",
    source: "O'Leary (1980); Ji and Li (2017)",
    cost: "4mnd a step in one pass, and 4mnd for scores and residual",
    remark: "For stores whose K and F are both too large.")
  /// Tolerance, steps and preconditioner.
  public static let declaredSettings: [MethodSetting<PreconditionedConjugateGradient>] = [
    .number("tolerance", \.tolerance, .fromZeroBelowOne, usage: "tolerance=E"),
    .integer("steps", \.maximumSteps, .positive, usage: "steps=N"),
    .choice("preconditioner", \.preconditioner, usage: "preconditioner=P"),
  ]

  /// Makes the estimator with a tolerance of 1e-3, at most 200 steps and no preconditioner.
  public init() { self.init(tolerance: 1e-3) }

  /// Norms and damping, and passes for every set of queries.
  public var querySide: (any QuerySideFit)? {
    QuerySide(estimator: self, preconditioner: preconditioner.method?.querySide)
  }

  /// Requires what the preconditioner requires.
  public func check(_ training: GradientStore) throws {
    try preconditioner.method?.check(training)
  }

  /// An upper bound on the steps for m queries that search together: each step takes m of the min(n, d)
  /// directions that there are.
  package func expectedSteps(queries: Int, exampleCount: Int, width: Int) -> Int {
    let directions = min(exampleCount, width) / max(1, queries) + 1
    return max(
      1,
      min(
        maximumSteps, directions,
        OperationCount.conjugateSteps(d: width, tolerance: tolerance)))
  }

  private struct QuerySide: QuerySideFit {
    let estimator: PreconditionedConjugateGradient
    let preconditioner: (any QuerySideFit)?
    var needs: Set<Need> { (preconditioner?.needs ?? []).union([.iteration]) }
    var aim: Aim? { estimator.tolerance > 0 ? .residual(estimator.tolerance) : nil }
    var givesScores: Bool { true }

    /// One pass per step, or two with a preconditioner, and one for the scores and the residual; for each
    /// group of queries.
    func scoringWork(queries: Int, _ block: BlockShape) -> Work {
      var work = Work()
      for first in stride(from: 0, to: queries, by: PassesOnQueries.groupSize) {
        let rows = min(queries - first, PassesOnQueries.groupSize)
        var step = Work()
        step.addPass(block, products: 2, rows: rows)
        let steps = estimator.expectedSteps(
          queries: rows, exampleCount: block.exampleCount, width: block.width)
        work.add(step, times: steps * (1 + estimator.preconditioner.passes) + 1)
        if let preconditioner {
          work.add(preconditioner.scoringWork(queries: rows, block), times: steps)
        }
      }
      return work
    }

    /// That of the preconditioner.
    func fittingWork(_ block: BlockShape) -> Work {
      preconditioner?.fittingWork(block) ?? Work()
    }

    func fittedBytes(_ block: BlockShape) -> Int { preconditioner?.fittedBytes(block) ?? 0 }
    func fittingBytes(_ block: BlockShape) -> Int { preconditioner?.fittingBytes(block) ?? 0 }

    func fit<Element: Scalar>(
      _ gram: BlockGram, pass: GradientPass<Element>
    ) throws -> any QuerySideOperator {
      try estimator.validateSettings()
      return PassesOnQueries(
        estimator: estimator, context: gram.context,
        preconditioner: try preconditioner?.fit(gram, pass: pass))
    }
  }
}

/// Block conjugate gradients, a group of queries after the other.
private struct PassesOnQueries: QuerySideOperator {
  let estimator: PreconditionedConjugateGradient
  let context: BlockContext
  /// A fitted method whose M stands before the residuals; nil where there is none.
  let preconditioner: (any QuerySideOperator)?

  /// More queries than this do not share a search space: the eigendecomposition of their m × m
  /// products would cost more than the passes that it saves.
  static let groupSize = 512

  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) throws -> Preconditioned<Element> {
    let solver = BlockConjugateGradientSolver(
      pass: pass, context: context, tolerance: estimator.tolerance,
      maximumSteps: estimator.maximumSteps, preconditioner: blockPreconditioner(pass))
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

  private func blockPreconditioner<Element: Scalar>(
    _ pass: GradientPass<Element>
  ) -> BlockPreconditioner<Element>? {
    if let preconditioner {
      return BlockPreconditioner(passes: 0) { rows in
        Matrix<Double>(converting: try preconditioner.precondition(rows.view, pass: pass).rows)
      }
    }
    guard estimator.preconditioner == .dataInf else { return nil }
    // DataInf's M but for the factor 1/λ, which directions do not need.
    return BlockPreconditioner(passes: 1) { [context] rows in
      var result = rows
      _ = try pass.normalProducts(
        rows.view, weights: context.dataInfWeights(), scale: -1 / Double(context.exampleCount),
        addingTo: &result)
      return Matrix<Double>(converting: result)
    }
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
