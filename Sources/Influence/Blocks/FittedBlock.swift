import Gradients
import LinearAlgebra

/// The estimators fitted to one block.
struct FittedBlock: Sendable {
  enum Operator: Sendable {
    case score(any ScoreSideOperator)
    case query(any QuerySideOperator)
  }

  let needs: BlockNeeds
  let context: BlockContext
  let operators: [Operator]
  /// What of K and F is kept beside what the operators hold: K for certificates, or all for a fit that is
  /// written to files.
  let grams: [Side: BlockGram]
  /// Whether K and F were formed twice: what was not positive definite in single precision is so in double.
  let isRefitted: Bool

  /// Fits a block to gradients: K and F once for all methods, each by one pass, then each method.
  ///
  /// Where a factorization fails in single precision, K and F are formed again in double precision.
  ///
  /// - Parameters:
  ///   - needs: What is formed, and on which sides.
  ///   - context: The block's norms and damping.
  ///   - certifies: Whether K is kept for certificates.
  ///   - keepsGrams: Whether K and F are kept, with what was computed from them.
  ///   - pass: Products with the training gradients of the block.
  init<Element: Scalar>(
    _ needs: BlockNeeds, _ context: BlockContext, certifies: Bool, keepsGrams: Bool,
    pass: GradientPass<Element>
  ) throws {
    func grams<Number: Scalar>(by pass: GradientPass<Number>) throws -> [Side: BlockGram] {
      [
        .score: try BlockGram(
          context: context, side: .score, matrix: needs.needsKernel ? try pass.kernel() : nil),
        .query: try BlockGram(
          context: context, side: .query, matrix: needs.needsFisher ? try pass.fisher() : nil),
      ]
    }
    do {
      try self.init(
        needs, context, grams(by: pass), certifies: certifies, keepsGrams: keepsGrams, pass: pass)
    } catch InfluenceError.factorization where Element.self == Float.self {
      try self.init(
        needs, context, grams(by: pass.inDouble), certifies: certifies, keepsGrams: keepsGrams,
        isRefitted: true, pass: pass)
    }
  }

  /// Fits a block to its Gram matrices, or to what was computed from them before.
  init<Element: Scalar>(
    _ needs: BlockNeeds, _ context: BlockContext, _ grams: [Side: BlockGram], certifies: Bool,
    keepsGrams: Bool = false, isRefitted: Bool = false, pass: GradientPass<Element>
  ) throws {
    self.needs = needs
    self.context = context
    self.isRefitted = isRefitted
    self.grams =
      keepsGrams
      ? grams : grams.filter { certifies && $0.key == .score && $0.value.parts.matrix != nil }
    guard !context.isDead else {
      operators = []
      return
    }
    // The query side multiplies by λ and by 1/λ in the precision of products.
    let lambda = Element(context.lambda)
    guard
      !needs.choices.contains(where: { $0.side == .query })
        || context.lambda == 0 || (lambda.isNormal && (1 / lambda).isNormal)
    else { throw InfluenceError.outOfRange(block: context.name) }
    operators = try zip(needs.estimators, needs.choices).map { estimator, choice in
      guard let gram = grams[choice.side] else { preconditionFailure("a side has a Gram matrix") }
      if choice.side == .score, let fit = estimator.scoreSide {
        return .score(try fit.fit(gram, precision: Element.self))
      }
      guard choice.side == .query, let fit = estimator.querySide else {
        preconditionFailure("\(estimator.name) has no \(choice.side.rawValue) side")
      }
      return .query(try fit.fit(gram, pass: pass))
    }
  }

  /// K, where it is kept for certificates.
  var kernel: BlockGram? { grams[.score] }

  /// Refuses results that are NaN or infinite: the gradients were finite, so products overflowed.
  func checkFinite(_ numbers: [Double]) throws(InfluenceError) {
    guard numbers.allSatisfy(\.isFinite) else { throw .outOfRange(block: context.name) }
  }

  /// The self-influence of the n training examples under one estimator.
  func selfInfluence<Element: Scalar>(
    ofEstimator index: Int, pass: GradientPass<Element>, memory: Int
  ) throws -> BlockSelfInfluence {
    let influence = try uncheckedSelfInfluence(ofEstimator: index, pass: pass, memory: memory)
    try checkFinite(influence.values)
    return influence
  }

  private func uncheckedSelfInfluence<Element: Scalar>(
    ofEstimator index: Int, pass: GradientPass<Element>, memory: Int
  ) throws -> BlockSelfInfluence {
    switch operators[index] {
    case .score(let fitted):
      return try fitted.selfInfluence { try kernel?.matrix ?? pass.kernel() }
    case .query(let fitted):
      if let influence = try fitted.selfInfluence(pass: pass, memory: memory) { return influence }
      return try examplesAsQueries(fitted, pass: pass, memory: memory) {
        preconditioned, gradients in
        preconditioned.view.rowDots(with: gradients)
      }
    }
  }

  /// A number for each training example, taken as a query on the query side.
  private func examplesAsQueries<Element: Scalar>(
    _ fitted: any QuerySideOperator, pass: GradientPass<Element>, memory: Int,
    _ values: (Matrix<Element>, MatrixView<Element>) -> [Double]
  ) throws -> BlockSelfInfluence {
    // An iteration by passes holds some ten matrices of the queries' size.
    let (n, d) = (context.exampleCount, context.width)
    let chunk = max(16, min(256, memory / max(1, 40 * n + 90 * d)))
    var result = BlockSelfInfluence(values: [])
    result.values.reserveCapacity(n)
    try pass.forEachChunk(of: chunk, rowOperations: 0, asQueries: true) { _, gradients in
      let preconditioned = try fitted.precondition(gradients, pass: pass)
      result.values += values(preconditioned.rows, gradients)
      result.warnings += preconditioned.warnings
    }
    return result
  }

  /// ‖M·gᵢ‖² of the n training examples under one estimator: how far each moves the parameters.
  ///
  /// On the score side M·gᵢ = Gᵀa + βgᵢ, whose squared norm is aᵀKa + 2β·aᵀKᵢ + β²νᵢ.
  func squaredChanges<Element: Scalar>(
    ofEstimator index: Int, pass: GradientPass<Element>, memory: Int
  ) throws -> BlockSelfInfluence {
    var changes = BlockSelfInfluence(values: [], warnings: [])
    switch operators[index] {
    case .score(let fitted):
      let kernel = try kernel?.matrix ?? pass.kernel()
      let norms = Array(context.squaredNorms)
      let solution = try fitted.solve(CrossProducts(kernel, squaredQueryNorms: norms))
      changes.values = norms.map { solution.beta * solution.beta * $0 }
      if let coefficients = solution.coefficients {
        let products = Matrix(product: coefficients.view, kernel.view)
        let squares = products.view.rowDots(with: coefficients.view)
        for row in norms.indices {
          changes.values[row] += squares[row] + 2 * solution.beta * products[row, row]
        }
      }
      changes.warnings = solution.warnings
    case .query(let fitted):
      changes = try examplesAsQueries(fitted, pass: pass, memory: memory) { preconditioned, _ in
        preconditioned.view.squaredRowNorms()
      }
    }
    try checkFinite(changes.values)
    return changes
  }
}
