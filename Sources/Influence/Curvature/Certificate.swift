import Gradients
public import LinearAlgebra

/// How far a method's scores are from those of the damped Fisher solution, without knowing that solution.
///
/// A method answers x = M·v for (F + λI)·x = v. Its residual r = (F + λI)·x − v bounds what the exact
/// scores can be, and a further term what rounding has done to the scores that were computed:
///
///     s − s* = gᵀ(F + λI)⁻¹r + rounding
///     |sᵢ − sᵢ*| ≤ Σ_blocks min(‖r‖·bᵢ + ε, δ),   bᵢ ≥ ‖(F + λI)⁻¹gᵢ‖
///
/// with bᵢ the lesser of √n/(2√λ) and √(νᵢ/(λ + νᵢ/n))/√λ. Every part holds for gradients as they are
/// stored, whatever rounding did to K, F, C and X (derived in docs/methods.md).
public struct Certificate: Sendable {
  /// The names of the blocks that are not dead, in the order of the columns and rows below.
  public let blocks: [String]
  /// At least ‖r‖ per query and block, `m × blocks`.
  public let residualNorms: Matrix<Double>
  /// ε, the most that rounding adds to the error of any score, per query and block, `m × blocks`.
  public let roundingErrors: Matrix<Double>
  /// δ, a bound on the error of any score that does not go through ‖r‖, per query and block,
  /// `m × blocks`; infinite where there is none.
  public let directBounds: Matrix<Double>
  /// ‖v‖ per query and block, `m × blocks`.
  public let queryNorms: Matrix<Double>
  /// Whether all residuals were measured by passes in double precision, whatever the precision of products.
  public let isMeasured: Bool
  /// bᵢ per block and training example, `blocks × n`.
  public let exampleFactors: Matrix<Double>

  /// Puts the blocks' errors side by side.
  ///
  /// - Parameter errors: One per block; NaN stands for what is not known.
  init(
    blocks: [String], errors: [AnswerError?], queryNorms: Matrix<Double>,
    exampleFactors: Matrix<Double>
  ) {
    func matrix(_ part: (AnswerError) -> [Double]) -> Matrix<Double> {
      var matrix = Matrix<Double>(
        repeating: .nan, rows: queryNorms.rows, columns: queryNorms.columns)
      for (block, error) in errors.enumerated() {
        guard let error else { continue }
        for (query, value) in part(error).enumerated() { matrix[query, block] = value }
      }
      return matrix
    }
    self.blocks = blocks
    isMeasured = errors.allSatisfy { $0?.isMeasured == true }
    self.queryNorms = queryNorms
    self.exampleFactors = exampleFactors
    residualNorms = matrix(\.residualNorms)
    roundingErrors = matrix(\.rounding)
    directBounds = matrix(\.direct)
  }

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
      sum
        + min(
          residualNorms[query, block] * exampleFactors[block, example]
            + roundingErrors[query, block],
          directBounds[query, block])
    }
  }

  /// The most that any score of each query can differ from the exact one: m numbers.
  ///
  /// - Complexity: O(mn · blocks).
  public func errorBounds() -> [Double] {
    (0..<queryNorms.rows).map { query in
      (0..<exampleFactors.columns).reduce(0) { max($0, errorBound(query: query, example: $1)) }
    }
  }

  /// bᵢ ≥ ‖(F + λI)⁻¹gᵢ‖ of some examples in each of some blocks, `blocks × examples`.
  static func exampleFactors(
    of contexts: [BlockContext], examples: Range<Int>
  ) -> Matrix<Double> {
    var factors = Matrix<Double>.zeros(contexts.count, examples.count)
    for (place, context) in contexts.enumerated() {
      for (column, square) in context.squaredNorms[rows: examples].enumerated() {
        factors[place, column] = exampleFactor(of: context, square)
      }
    }
    return factors
  }

  /// bᵢ of an example with the squared norm νᵢ in a block.
  static func exampleFactor(of context: BlockContext, _ square: Double) -> Double {
    let lambda = context.lambda
    let n = Double(context.exampleCount)
    return min(
      n.squareRoot() / (2 * lambda.squareRoot()),
      (square / (lambda + square / n)).squareRoot() / lambda.squareRoot())
  }

  /// ‖r‖ for answers in the span of the query and the training gradients, as K and C say it.
  ///
  /// - Parameters:
  ///   - solution: a and β for each query.
  ///   - cross: C, and the norms of the queries.
  ///   - kernel: K.
  ///   - context: n and λ.
  /// - Returns: m norms, without what rounding did to K and C.
  /// - Complexity: 4mn² operations.
  static func residualNorms(
    of solution: SpanSolution, cross: CrossProducts, kernel: MatrixView<Double>,
    context: BlockContext
  ) -> [Double] {
    SpanResidual(of: solution, cross: cross, kernel: kernel, context: context).norms
  }
}
