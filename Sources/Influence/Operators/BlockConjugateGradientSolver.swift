import LinearAlgebra

/// What stands before the residuals of conjugate gradients: a symmetric positive definite M, the same in every step.
struct BlockPreconditioner<Element: Scalar> {
  /// How often it reads the training gradients.
  let passes: Int
  /// R·M for some rows R, or a multiple of it.
  let apply: (Matrix<Element>) throws -> Matrix<Double>
}

/// Conjugate gradients with one search space for all queries of a block, and one pass over G per step.
///
/// O'Leary, "The block conjugate gradient algorithm" (1980), with directions that are made
/// orthonormal and dropped where they depend on each other (Ji and Li, "A breakdown-free block
/// conjugate gradient method", 2017). With A = F + λI, X = 0 and R = V:
///
///     P = orth(R·M)                               M: the preconditioner
///     T = P·Gᵀ,  Q = T·G/n + λP                   one pass
///     β = (T·T₋ᵀ/n + λ·P·P₋ᵀ)·H₋⁻¹                 P, T, Q −= β·(P₋, T₋, Q₋) of the last step
///     H = T·Tᵀ/n + λ·P·Pᵀ,  α = R·Pᵀ·H⁻¹          k × k
///     X += α·P,  R −= α·Q
///
/// Directions become conjugate after their pass, through T, and not before it through Q: products
/// with Q lose what lies below ε·s_max, and then steps do not converge where (s_max + λ)/λ is
/// large. Passes run in precision `Element`; everything between them is in double precision. H is a
/// Gram matrix and a positive one, so it is positive definite whatever rounding does to Q.
struct BlockConjugateGradientSolver<Element: Scalar> {
  let pass: GradientPass<Element>
  let context: BlockContext
  /// The relative residual to reach.
  let tolerance: Double
  let maximumSteps: Int
  /// What stands before the residuals: R·M for some rows R, or a multiple of it; nil for R itself.
  let preconditioner: BlockPreconditioner<Element>?

  /// How often a solution whose real residual is above the tolerance is taken up again.
  private static var mostRefinements: Int { 4 }
  /// Directions whose squared length in the basis of the others falls below this are rounding.
  private static var dependence: Double { 64 * Double(Element.ulpOfOne) }

  /// A block of directions.
  private struct Directions {
    var rows: Matrix<Double>
    /// T = P·Gᵀ.
    var products: Matrix<Double>
    /// Q = P·A.
    var images: Matrix<Double>
    /// The factor of H = P·A·Pᵀ; nil before it is known.
    var factor: Cholesky<Double>?
  }

  /// What is known when the iteration ends.
  struct Result {
    var solution: Matrix<Element>
    /// X·Gᵀ, `m × n`.
    var scores: Matrix<Element>
    /// ‖(F + λI)x − v‖, from a pass of its own and not from the recurrence.
    var residualNorms: [Double]
    var convergence: BlockConvergence
    var ending: Ending
  }

  /// Why the iteration ended.
  enum Ending: Equatable {
    case converged
    case outOfSteps
    /// The real residual stays above the tolerance though the recurrence is below it.
    case atPrecision
    /// No direction is left, or products are not finite.
    case brokenDown
  }

  /// Solves X·(F + λI) = V.
  ///
  /// - Complexity: one pass per step and those of the preconditioner, and one that gives X·Gᵀ and the residual.
  func solve(_ queries: MatrixView<Element>) throws -> Result {
    let norms = queries.squaredRowNorms().map { $0.squareRoot() }
    // Below ε² of a query nothing is left to resolve, even if the tolerance is zero.
    let floor = Double(Element.ulpOfOne) * Double(Element.ulpOfOne)
    let limits = norms.map { max(tolerance, floor) * $0 }
    var convergence = BlockConvergence(block: context.name, queryCount: queries.rows)
    var solution = Matrix<Double>.zeros(queries.rows, queries.columns)
    var residual = Matrix<Double>(converting: queries)
    var residualNorms = norms
    var reached = Double.infinity
    var refinements = 0
    while true {
      var last: Directions?
      var broke = false
      while convergence.steps < maximumSteps {
        let active = residualNorms.indices.filter { !(residualNorms[$0] <= limits[$0]) }
        guard !active.isEmpty else { break }
        guard var basis = Self.orthonormal(residual.selecting(rows: active)) else {
          broke = true
          break
        }
        if let preconditioner {
          convergence.passes += preconditioner.passes
          guard let better = Self.orthonormal(try preconditioner.apply(basis)) else {
            broke = true
            break
          }
          basis = better
        }
        var next = try directions(along: basis)
        convergence.passes += 1
        convergence.steps += 1
        if let last { conjugate(&next, to: last) }
        guard let factor = try? Cholesky(factoring: curvature(of: next, next)) else {
          broke = true
          break
        }
        next.factor = factor
        let lengths = factor.solution(
          rows: Matrix(product: residual.view, next.rows.transposed))
        solution.add(product: lengths.view, next.rows.view)
        residual.add(product: lengths.view, next.images.view, scale: -1)
        last = next
        residualNorms = residual.view.squaredRowNorms().map { $0.squareRoot() }
        convergence.record(residualNorms, of: norms)
      }
      // The scores, and the residual as it is: V − X·A.
      let answer = Matrix<Element>(converting: solution)
      var checked = Matrix(queries)
      checked.add(answer, scale: -Element(context.lambda))
      let scores = try pass.normalProducts(
        answer.view, weights: ones, scale: -1 / Double(context.exampleCount), addingTo: &checked)
      residual = Matrix<Double>(converting: checked)
      convergence.passes += 1
      residualNorms = residual.view.squaredRowNorms().map { $0.squareRoot() }
      convergence.record(residualNorms, of: norms)
      let worst = convergence.worst.last ?? 0
      let ending: Ending? =
        if zip(residualNorms, limits).allSatisfy({ $0 <= $1 }) {
          .converged
        } else if broke {
          .brokenDown
        } else if convergence.steps >= maximumSteps {
          .outOfSteps
        } else if refinements == Self.mostRefinements || !(worst < reached / 2) {
          .atPrecision
        } else {
          nil
        }
      if let ending {
        return Result(
          solution: answer, scores: scores, residualNorms: residualNorms,
          convergence: convergence, ending: ending)
      }
      reached = worst
      refinements += 1
    }
  }

  private var ones: [Double] { [Double](repeating: 1, count: context.exampleCount) }

  /// P with T = P·Gᵀ and Q = P·(F + λI), from one pass.
  private func directions(along rows: Matrix<Element>) throws -> Directions {
    var images = Matrix(rows.view, scaledBy: Element(context.lambda))
    let products = try pass.normalProducts(
      rows.view, weights: ones, scale: 1 / Double(context.exampleCount), addingTo: &images)
    return Directions(
      rows: Matrix<Double>(converting: rows), products: Matrix<Double>(converting: products),
      images: Matrix<Double>(converting: images))
  }

  /// P·(F + λI)·P₋ᵀ, through the products with G.
  private func curvature(of one: Directions, _ other: Directions) -> Matrix<Double> {
    var result = Matrix<Double>.zeros(one.rows.rows, other.rows.rows)
    result.add(
      product: one.products.view, other.products.transposed,
      scale: 1 / Double(context.exampleCount))
    result.add(product: one.rows.view, other.rows.transposed, scale: context.lambda)
    return result
  }

  /// Takes out of directions what they share with the last ones.
  private func conjugate(_ next: inout Directions, to last: Directions) {
    guard let factor = last.factor else { return }
    let overlaps = factor.solution(rows: curvature(of: next, last))
    next.rows.add(product: overlaps.view, last.rows.view, scale: -1)
    next.products.add(product: overlaps.view, last.products.view, scale: -1)
    next.images.add(product: overlaps.view, last.images.view, scale: -1)
  }

  /// Orthonormal directions that span the given rows, but for those that are rounding; nil if none
  /// is left or the rows are not finite.
  private static func orthonormal(_ candidates: Matrix<Double>) -> Matrix<Element>? {
    let fresh = normalized(candidates)
    guard
      let eigen = try? SymmetricEigendecomposition(
        decomposing: Matrix(product: fresh.view, fresh.transposed)),
      let largest = eigen.values.last, largest > 0
    else { return nil }
    let kept = eigen.values.indices.filter { eigen.values[$0] > dependence * largest }
    var basis = eigen.vectors.selecting(rows: kept)
    basis.scaleRows(by: kept.map { 1 / eigen.values[$0].squareRoot() })
    return Matrix<Element>(converting: Matrix(product: basis.view, fresh.view))
  }

  /// Rows of length one; rows of zeros stay.
  private static func normalized(_ rows: Matrix<Double>) -> Matrix<Double> {
    var rows = rows
    let squares = rows.view.squaredRowNorms()
    rows.scaleRows(by: squares.map { $0 == 0 ? 0 : 1 / $0.squareRoot() })
    return rows
  }
}
