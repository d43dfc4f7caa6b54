public import LinearAlgebra
import Synchronization

/// The Gram matrix of one block's training gradients, with what is computed from it once for all
/// estimators: K = G·Gᵀ (n × n) on the score side, F = GᵀG/n (d × d) on the query side.
///
/// The matrix and what is computed from it may lie in the mapped files of a kept fit.
public final class BlockGram: Sendable {
  /// The block's shape, norms and damping.
  public let context: BlockContext
  /// Whether this is K or F.
  public let side: Side
  /// K or F, where it is in memory rather than in a file.
  private let owned: Matrix<Double>?
  private let known: Mutex<Parts>
  /// The lower triangle of c·(K + nλI) or c·(F + λI) in single precision, and c, until it is factorised.
  private let triangle: Mutex<(matrix: Matrix<Float>, scale: Double)?>

  /// Wraps a Gram matrix, after a look at its trace.
  ///
  /// - Throws: ``InfluenceError/outOfRange(block:)`` where the trace is not that of the norms, which
  ///   are summed in double precision: products of gradients have overflowed or underflowed.
  init(context: BlockContext, side: Side, matrix: Matrix<Double>?) throws(InfluenceError) {
    if let matrix { try Self.checkTrace(of: matrix.diagonal, context, side) }
    self.context = context
    self.side = side
    owned = matrix
    known = Mutex(Parts(matrix: matrix?.view))
    triangle = Mutex(nil)
  }

  /// Takes K or n·F as a sum, of which is kept what a solver is made of, and K or F itself where it is asked for.
  ///
  /// - Parameters:
  ///   - context: The block's shape, norms and damping.
  ///   - side: Whether this is K or F.
  ///   - sum: K or n·F.
  ///   - keepsMatrix: Whether certificates read K or F.
  /// - Throws: As ``init(context:side:matrix:)``.
  init(
    context: BlockContext, side: Side, solvingInSingle sum: SymmetricAccumulator,
    keepsMatrix: Bool
  ) throws(InfluenceError) {
    let count = Double(context.exampleCount)
    let divisor = side == .score ? 1 : count
    let diagonal = sum.diagonal
    try Self.checkTrace(of: diagonal.map { $0 / divisor }, context, side)
    let ridge = count * context.lambda
    // c·(sum + nλ·1), with a diagonal of at most 1.
    let scale = 1 / ((diagonal.max() ?? 0) + ridge)
    triangle = Mutex(
      (sum.lowerTriangle(shiftedBy: ridge, scaledBy: scale), scale: scale * divisor))
    var kept = keepsMatrix ? sum.matrix() : nil
    if side == .query { kept?.scale(by: 1 / divisor) }
    self.context = context
    self.side = side
    owned = kept
    known = Mutex(Parts(matrix: kept?.view))
  }

  private static func checkTrace(
    of diagonal: [Double], _ context: BlockContext, _ side: Side
  ) throws(InfluenceError) {
    let trace = context.trace * (side == .score ? Double(context.exampleCount) : 1)
    let found = diagonal.reduce(0, +)
    // Rounding in single precision leaves more than three digits; NaN fails too.
    guard (found - trace).magnitude <= 1e-3 * trace else {
      throw .outOfRange(block: context.name)
    }
  }

  /// Takes what was computed before.
  init(context: BlockContext, side: Side, parts: Parts) {
    self.context = context
    self.side = side
    owned = nil
    known = Mutex(parts)
    triangle = Mutex(nil)
  }

  /// The matrix, and what has been computed from it so far.
  var parts: Parts { known.withLock { $0 } }

  /// The matrix, and what is computed from it: what a fit keeps of one side of a block.
  struct Parts: Sendable {
    /// K or F.
    var matrix: MatrixView<Double>?
    /// K or F in single precision.
    var single: MatrixView<Float>?
    /// The Cholesky factor of K + nλI or F + λI.
    var factor: Cholesky<Double>?
    /// Eigenvalues and eigenvectors of K or F.
    var eigenbasis: Eigenbasis?
    /// The largest eigenvalue by power iteration.
    var largestEigenvalue: Double?
  }

  /// K or F without a copy, for estimators that asked for it.
  public var view: MatrixView<Double> {
    guard let view = parts.matrix else {
      preconditionFailure("the Gram matrix of block \(context.name) was not asked for")
    }
    return view
  }

  /// K or F as a matrix, for estimators that asked for it; a copy where it lies in a file.
  public var matrix: Matrix<Double> { owned ?? Matrix(view) }

  /// K or F in the precision of products, converted at the first call.
  func view<Element: Scalar>(as type: Element.Type) -> MatrixView<Element> {
    if let same = parts.matrix as? MatrixView<Element> { return same }
    if let converted = parts.single as? MatrixView<Element> { return converted }
    let fresh = Matrix<Element>(converting: matrix).view
    known.withLock { $0.single = fresh as? MatrixView<Float> }
    return fresh
  }

  /// Eigenvalues and eigenvectors of K or F; decomposed at the first call.
  ///
  /// - Complexity: about 9 · order³ operations.
  public func eigendecomposition() throws(FactorizationError)
    -> SymmetricEigendecomposition<Double>
  {
    let basis = try eigenbasis()
    return basis.decomposition
      ?? SymmetricEigendecomposition(values: basis.values, vectors: Matrix(basis.vectors))
  }

  /// The same without a copy of eigenvectors that lie in a file.
  func eigenbasis() throws(FactorizationError) -> Eigenbasis {
    if let eigenbasis = parts.eigenbasis { return eigenbasis }
    let fresh = Eigenbasis(try SymmetricEigendecomposition(decomposing: matrix))
    known.withLock { $0.eigenbasis = fresh }
    return fresh
  }

  /// The Cholesky factor of K + nλI or F + λI; factorised at the first call.
  ///
  /// - Complexity: order³/3 operations.
  public func dampedFactor() throws(FactorizationError) -> Cholesky<Double> {
    if let factor = parts.factor { return factor }
    var shifted = matrix
    guard context.lambda > 0 || context.width <= context.exampleCount else {
      throw .singular(pivot: context.exampleCount + 1, order: context.width)
    }
    let count = side == .score ? Double(context.exampleCount) : 1
    shifted.addToDiagonal(count * context.lambda)
    if context.lambda == 0 {
      try SymmetricEigendecomposition(decomposing: shifted).requireFullRank()
    }
    let fresh = try Cholesky(factoring: shifted)
    known.withLock { $0.factor = fresh }
    return fresh
  }

  /// The Cholesky factor, with an error that names a method.
  func dampedFactor(for method: String) throws(InfluenceError) -> Cholesky<Double> {
    do throws(FactorizationError) {
      return try dampedFactor()
    } catch {
      throw .factorization(block: context.name, method: method, error)
    }
  }

  /// What solves with K + nλI or F + λI, in single precision where the block was made for it.
  ///
  /// - Complexity: order³/3 operations at the first call.
  func dampedSolver(for method: String) throws(InfluenceError) -> DampedSolver {
    // The factor takes the triangle's place in memory.
    let taken = triangle.withLock { held in
      defer { held = nil }
      return held
    }
    guard let taken else { return .double(try dampedFactor(for: method)) }
    do throws(FactorizationError) {
      return .single(try Cholesky(factoring: taken.matrix), scale: taken.scale)
    } catch {
      throw .factorization(block: context.name, method: method, error)
    }
  }

  /// Eigenvalues and eigenvectors, with an error that names a method.
  func eigenbasis(for method: String) throws(InfluenceError) -> Eigenbasis {
    do throws(FactorizationError) {
      return try eigenbasis()
    } catch {
      throw .factorization(block: context.name, method: method, error)
    }
  }

  /// The largest eigenvalue of K or F by power iteration: a scale, from below.
  func estimatedLargestEigenvalue() -> Double {
    if let estimate = parts.largestEigenvalue { return estimate }
    let fresh = PowerIteration(of: view).eigenvalue
    known.withLock { $0.largestEigenvalue = fresh }
    return fresh
  }

  /// The eigenvalues s of F that the Gram matrix shows, ascending.
  ///
  /// All d of them from F, or n from K/n (the others being zero). Rounding below zero is cut off.
  public func fisherEigenvalues() throws(FactorizationError) -> [Double] {
    let scale = side == .score ? 1 / Double(context.exampleCount) : 1
    return try eigenbasis().values.map { max(0, $0 * scale) }
  }
}

extension BlockGram {
  /// ‖(F + λI)x − v‖ for each row, from F.
  func residualNorms<Element: Scalar>(
    of preconditioned: Matrix<Element>, for queries: MatrixView<Element>
  ) -> [Double] {
    let solution = Matrix<Double>(converting: preconditioned)
    var residual = Matrix(product: solution.view, view)
    residual.add(solution, scale: context.lambda)
    residual.add(Matrix<Double>(converting: queries), scale: -1)
    return residual.view.squaredRowNorms().map { $0.squareRoot() }
  }
}
