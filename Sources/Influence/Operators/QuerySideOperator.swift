public import LinearAlgebra

/// A fitted block on the query side: from V to X = V·M.
public protocol QuerySideOperator: Sendable {
  /// X = V·M for the rows of V.
  ///
  /// - Parameters:
  ///   - queries: V, `m × d`.
  ///   - pass: Products with the block's training gradients.
  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) throws -> Preconditioned<Element>
  /// ‖(F + λI)x − v‖ for each row, where the operator can say without another pass; nil otherwise.
  func residualNorms<Element: Scalar>(
    of preconditioned: Matrix<Element>, for queries: MatrixView<Element>
  ) -> [Double]?
  /// R·(F + λI)⁻¹ or an approximation, by which an answer is corrected; nil where there is none.
  ///
  /// - Parameters:
  ///   - residuals: R, `m × d`: what answers have left over, r = (F + λI)x − v.
  ///   - queryNorms: ‖v‖ per query.
  func correction(ofResiduals residuals: Matrix<Double>, queryNorms: [Double]) -> Matrix<Double>?
  /// X·F for the rows of X, `m × d`, where F is kept; nil otherwise.
  func image(of rows: Matrix<Double>) -> Matrix<Double>?
  /// The self-influence gᵢᵀ·M·gᵢ of the n training examples, where there is a better way than to
  /// take them as queries; nil where there is none.
  ///
  /// - Parameters:
  ///   - pass: Products with the block's training gradients.
  ///   - memory: Bytes that it may take.
  /// - Returns: Gives the values of some of the examples.
  func selfInfluence<Element: Scalar>(
    pass: GradientPass<Element>, memory: Int
  ) throws -> (@Sendable (_ rows: Range<Int>) throws -> [Double])?
  /// How far the n training examples move the parameters, ‖M·gᵢ‖², where that is not found by taking them as queries;
  /// nil where it is.
  ///
  /// - Parameter pass: Products with the block's training gradients.
  /// - Returns: Gives the values of some of the examples.
  func squaredChanges<Element: Scalar>(
    pass: GradientPass<Element>
  ) throws -> (@Sendable (_ rows: Range<Int>) throws -> [Double])?
}

extension QuerySideOperator {
  /// Nil: the training examples are taken as queries.
  public func squaredChanges<Element: Scalar>(
    pass: GradientPass<Element>
  ) throws -> (@Sendable (_ rows: Range<Int>) throws -> [Double])? { nil }
  /// Nil: answers stay as they are.
  public func correction(
    ofResiduals residuals: Matrix<Double>, queryNorms: [Double]
  ) -> Matrix<Double>? { nil }
  /// Nil: F is not kept.
  public func image(of rows: Matrix<Double>) -> Matrix<Double>? { nil }
  /// Nil: the training examples are taken as queries.
  public func selfInfluence<Element: Scalar>(
    pass: GradientPass<Element>, memory: Int
  ) throws -> (@Sendable (_ rows: Range<Int>) throws -> [Double])? { nil }
  /// Nil: the residual takes another pass.
  public func residualNorms<Element: Scalar>(
    of preconditioned: Matrix<Element>, for queries: MatrixView<Element>
  ) -> [Double]? { nil }
}

/// Queries after the query side of a block: X = V·M.
public struct Preconditioned<Element: Scalar>: Sendable {
  /// X, `m × d`.
  public var rows: Matrix<Element>
  /// C = V·Gᵀ, `m × n`, if it was formed on the way.
  public var crossProducts: Matrix<Element>?
  /// S = X·Gᵀ, `m × n`, if it was formed on the way; then no further pass is made.
  public var scores: Matrix<Element>?
  /// ‖(F + λI)x − v‖ for each row, if known; belongs to ``scores``.
  public var residualNorms: [Double]?
  /// How an iteration by passes went.
  public var convergence: [BlockConvergence] = []
  /// What the user should know, such as a solve that did not reach its tolerance.
  public var warnings: [String] = []

  /// Takes X, with C if it was formed on the way.
  public init(
    rows: Matrix<Element>, crossProducts: Matrix<Element>? = nil, warnings: [String] = []
  ) {
    self.rows = rows
    self.crossProducts = crossProducts
    self.warnings = warnings
  }
}
