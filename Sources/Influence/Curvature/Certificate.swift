public import LinearAlgebra

/// How far a method's answer is from the damped Fisher solution, without knowing that solution.
///
/// A method answers x = M·v for (F + λI)·x = v. Its residual r = (F + λI)·x − v is computed from C and
/// K, or by one pass over the gradients, and bounds what the exact scores can be:
///
///     s − s* = gᵀ(F + λI)⁻¹r    ⇒    |sᵢ − sᵢ*| ≤ Σ_blocks ‖r‖·bᵢ,   bᵢ ≥ ‖(F + λI)⁻¹gᵢ‖
///
/// with bᵢ the lesser of √n/(2√λ) and √(νᵢ/(λ + νᵢ/n))/√λ (derived in docs/methods.md).
public struct Certificate: Sendable {
  /// The names of the blocks that are not dead, in the order of the columns and rows below.
  public let blocks: [String]
  /// ‖r‖ per query and block, `m × blocks`.
  public let residualNorms: Matrix<Double>
  /// ‖v‖ per query and block, `m × blocks`.
  public let queryNorms: Matrix<Double>
  /// bᵢ per block and training example, `blocks × n`.
  public let exampleFactors: Matrix<Double>

  /// ‖(F + λI)x − v‖/‖v‖ over all blocks together, per query; 0 for a query that is zero.
  public var relativeResiduals: [Double] {
    let residuals = residualNorms.view.squaredRowNorms()
    let norms = queryNorms.view.squaredRowNorms()
    return zip(residuals, norms).map { residual, norm in
      norm > 0 ? (residual / norm).squareRoot() : 0
    }
  }

  /// ‖(F + λI)x − v‖/‖v‖ in one block, per query; 0 for a query that is zero there.
  public func relativeResiduals(block: Int) -> [Double] {
    (0..<residualNorms.rows).map { query in
      let norm = queryNorms[query, block]
      return norm > 0 ? residualNorms[query, block] / norm : 0
    }
  }

  /// The most that the score of a training example can differ from the exact one.
  ///
  /// - Parameters:
  ///   - query: The query's row.
  ///   - example: The training example's column.
  public func errorBound(query: Int, example: Int) -> Double {
    (0..<blocks.count).reduce(0) { sum, block in
      sum + residualNorms[query, block] * exampleFactors[block, example]
    }
  }

  /// The most that any score of each query can differ from the exact one: m numbers.
  public func errorBounds() -> [Double] {
    let bounds = Matrix(product: residualNorms.view, exampleFactors.view)
    return (0..<bounds.rows).map { row in bounds[row: row].max() ?? 0 }
  }

  /// bᵢ ≥ ‖(F + λI)⁻¹gᵢ‖ for the examples of one block.
  static func exampleFactors(of context: BlockContext) -> [Double] {
    let lambda = context.lambda
    let n = Double(context.exampleCount)
    let anyExample = n.squareRoot() / (2 * lambda.squareRoot())
    return context.squaredNorms.map { square in
      let alone = (square / (lambda + square / n)).squareRoot() / lambda.squareRoot()
      return min(anyExample, alone)
    }
  }

  /// ‖r‖ for answers in the span of the query and the training gradients.
  ///
  /// With x = Gᵀa + βv: G·x = aK + βc, r = Gᵀt + (λβ − 1)v with t = G·x/n + λa, and therefore
  /// ‖r‖² = tᵀKt + 2(λβ − 1)·tᵀc + (λβ − 1)²·‖v‖².
  ///
  /// - Parameters:
  ///   - solution: a and β for each query.
  ///   - cross: C, and the norms of the queries.
  ///   - kernel: K.
  ///   - context: n and λ.
  /// - Returns: m norms.
  /// - Complexity: 4mn² operations.
  static func residualNorms(
    of solution: SpanSolution, cross: CrossProducts, kernel: MatrixView<Double>,
    context: BlockContext
  ) -> [Double] {
    let lambda = context.lambda
    let n = Double(context.exampleCount)
    let products = cross.matrix(as: Double.self)
    let gap = lambda * solution.beta - 1
    var mixture = products
    mixture.scale(by: solution.beta / n)
    if let coefficients = solution.coefficients {
      mixture.add(product: coefficients.view, kernel, scale: 1 / n)
      mixture.add(coefficients, scale: lambda)
    }
    let image = Matrix(product: mixture.view, kernel)
    let quadratic = mixture.view.rowDots(with: image.view)
    let mixed = mixture.view.rowDots(with: products.view)
    return (0..<products.rows).map { row in
      let squared =
        quadratic[row] + 2 * gap * mixed[row] + gap * gap * cross.squaredQueryNorms[row]
      // Rounding may leave less than zero; NaN stays NaN, which certifies nothing.
      return squared < 0 ? 0 : squared.squareRoot()
    }
  }
}
