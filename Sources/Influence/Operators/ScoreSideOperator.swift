public import LinearAlgebra

/// A fitted block on the score side: from C = V·Gᵀ to scores.
public protocol ScoreSideOperator: Sendable {
  /// Scores the queries whose products with the training gradients are given.
  func solve(_ cross: CrossProducts) throws -> SpanSolution
  /// T·(K + nλI)⁻¹ or an approximation, by which an answer is corrected; nil where there is none.
  ///
  /// - Parameters:
  ///   - remainders: T, `m × n`: what answers have left over, r = Gᵀt.
  ///   - queryNorms: ‖v‖ per query.
  func correction(of remainders: Matrix<Double>, queryNorms: [Double]) -> Matrix<Double>?
  /// The self-influence gᵢᵀ·M·gᵢ of the n training examples.
  ///
  /// - Parameter kernel: Gives K, `n × n`; called only if it is needed.
  func selfInfluence(kernel: () throws -> Matrix<Double>) throws -> BlockSelfInfluence
  /// The self-influence of some training examples, where it takes nothing of the others; nil where it does.
  func selfInfluence(of rows: Range<Int>) -> [Double]?
}

extension ScoreSideOperator {
  /// Nil: answers stay as they are.
  public func correction(
    of remainders: Matrix<Double>, queryNorms: [Double]
  ) -> Matrix<Double>? { nil }
  /// Nil: the self-influence of all examples is computed at once.
  public func selfInfluence(of rows: Range<Int>) -> [Double]? { nil }
}

/// What the score side of a block gives: scores, and the preconditioned queries in the span of the
/// query and the training gradients, x = Gᵀa + βv.
public struct SpanSolution: Sendable {
  /// S, `m × n`, helpful-positive.
  public var scores: Matrix<Double>
  /// The coefficients a of each query, `m × n`; nil stands for zero.
  public var coefficients: Matrix<Double>?
  /// β, the same for all queries.
  public var beta: Double
  /// What the user should know, such as a solve that did not reach its tolerance.
  public var warnings: [String] = []

  /// Makes a solution of its parts.
  public init(
    scores: Matrix<Double>, coefficients: Matrix<Double>?, beta: Double, warnings: [String] = []
  ) {
    self.scores = scores
    self.coefficients = coefficients
    self.beta = beta
    self.warnings = warnings
  }
}

/// What a fitted block says of the training examples' influence on themselves.
public struct BlockSelfInfluence: Sendable {
  /// gᵢᵀ·M·gᵢ, n numbers.
  public var values: [Double]
  /// What the user should know, such as a solve that did not reach its tolerance.
  public var warnings: [String] = []

  /// Makes a result of its parts.
  public init(values: [Double], warnings: [String] = []) {
    self.values = values
    self.warnings = warnings
  }
}
