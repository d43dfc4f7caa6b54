public import Gradients
public import LinearAlgebra

/// A way to approximate the inverse curvature: the M of S = Σ V·M·Gᵀ, with its settings.
///
/// An estimator says how it is fitted to one block, on either side:
/// - on the *score side*, from the kernel K = G·Gᵀ (n × n), mapping C = V·Gᵀ to scores;
/// - on the *query side*, from F = GᵀG/n (d × d) or from passes over G, mapping V to X = V·M.
///
/// Both give the same scores. ``CostModel`` chooses.
public protocol Estimator: Sendable {
  /// The name on the command line and in files, such as `datainf`.
  var name: String { get }
  /// Settings beside the damping, by name, as they are recorded with the scores.
  var settings: [String: String] { get }
  /// Refuses settings that no store could be scored with.
  ///
  /// - Throws: ``InfluenceError/invalidSetting(method:setting:reason:)``.
  func validateSettings() throws(InfluenceError)
  /// Whether the method can be fitted on the given side; on both unless it says otherwise.
  func works(on side: Side) -> Bool
  /// What a block's curvature must provide on the given side.
  func need(on side: Side) -> CurvatureNeed

  /// Fits the score side of one block.
  ///
  /// - Parameters:
  ///   - gram: The block's kernel; its matrix is nil unless ``need(on:)`` asks for it.
  ///   - precision: The type that products run in.
  func scoreSide<Element: Scalar>(
    _ gram: BlockGram, precision: Element.Type
  ) throws -> any ScoreSideOperator

  /// Fits the query side of one block.
  ///
  /// - Parameters:
  ///   - gram: The block's Fisher matrix; nil unless ``need(on:)`` asks for it.
  ///   - pass: Products with the block's training gradients, for methods that need
  ///     ``CurvatureNeed/passes``.
  func querySide<Element: Scalar>(
    _ gram: BlockGram, pass: GradientPass<Element>
  ) throws -> any QuerySideOperator

  /// What gives the same scores by passes over G alone, for blocks whose K and F are both too large.
  var withoutMatrices: (any Estimator)? { get }

  /// Refuses training gradients that the method cannot be fitted to, before any work.
  ///
  /// - Throws: ``InfluenceError``, or ``GradientStoreError`` of what a store does not hold.
  func check(_ training: GradientStore) throws
  /// What scores are divided by, once they are summed over the blocks.
  var normalization: ScoreNormalization { get }
  /// The weights of ``ScoreNormalization/exampleWeights``, n numbers.
  func exampleWeights(on training: GradientStore) throws -> [Double]
  /// Whether λ plays a part at all.
  var isDamped: Bool { get }
  /// Whether λ may be zero.
  var allowsZeroDamping: Bool { get }
  /// Bytes that a fit by passes holds for a block of `width` columns.
  func fittedBytes(width: Int, exampleCount: Int) -> Int
  /// Whether a fit can be kept in files: whether it is made of K or F alone.
  var canBeKept: Bool { get }
}

extension Estimator {
  /// On both.
  public func works(on side: Side) -> Bool { true }
  /// There are none to refuse.
  public func validateSettings() throws(InfluenceError) {}
  /// Nothing does.
  public var withoutMatrices: (any Estimator)? { nil }
  /// All gradients will do.
  public func check(_ training: GradientStore) throws {}
  /// All the same.
  public func exampleWeights(on training: GradientStore) throws -> [Double] {
    [Double](repeating: 1, count: training.count)
  }
  /// Nothing.
  public var normalization: ScoreNormalization { .none }
  /// It does.
  public var isDamped: Bool { true }
  /// It may not.
  public var allowsZeroDamping: Bool { false }
  /// None to speak of.
  public func fittedBytes(width: Int, exampleCount: Int) -> Int { 0 }
  /// It can, unless it takes passes or is normalised.
  public var canBeKept: Bool {
    normalization == .none && Side.allCases.allSatisfy { !works(on: $0) || need(on: $0) != .passes }
  }
}

/// What an estimator needs of a block before it can be fitted.
public enum CurvatureNeed: Sendable {
  /// The norms of the gradients are enough.
  case norms
  /// The block's Gram matrix: K on the score side, F on the query side.
  case gram
  /// Passes over the block's gradients; on the query side only.
  case passes
}

/// What scores are divided by, once they are summed over the blocks.
public enum ScoreNormalization: Sendable, Hashable {
  /// Nothing.
  case none
  /// The norms of both gradients, ‖v‖·‖gᵢ‖.
  case gradientNorms
  /// The root of the training example's self-influence, √(gᵢᵀ·M·gᵢ).
  case selfInfluence
  /// How far the training example moves the parameters, ‖M·gᵢ‖.
  case parameterChange
  /// Divided by nothing, but multiplied by a weight of the training example.
  case exampleWeights
}

/// Where a block's curvature is applied.
public enum Side: String, Sendable, CaseIterable {
  /// To the products C = V·Gᵀ, through the n × n kernel K.
  case score
  /// To the queries V, giving X = V·M and then S = X·Gᵀ.
  case query
}

/// A fitted block on the score side.
public protocol ScoreSideOperator: Sendable {
  /// Scores the queries whose products with the training gradients are given.
  func solve(_ cross: CrossProducts) throws -> SpanSolution
  /// The self-influence gᵢᵀ·M·gᵢ of the n training examples.
  ///
  /// - Parameter kernel: Gives K, `n × n`; called only if it is needed.
  func selfInfluence(kernel: () throws -> Matrix<Double>) throws -> BlockSelfInfluence
}

/// A fitted block on the query side.
public protocol QuerySideOperator: Sendable {
  /// X = V·M for the rows of V.
  ///
  /// - Parameters:
  ///   - queries: V, `m × d`.
  ///   - pass: Products with the block's training gradients.
  func precondition<Element: Scalar>(
    _ queries: MatrixView<Element>, pass: GradientPass<Element>
  ) throws -> Preconditioned<Element>
  /// ‖(F + λI)x − v‖ for each row, where the operator can say without another pass.
  func residualNorms<Element: Scalar>(
    of preconditioned: Matrix<Element>, for queries: MatrixView<Element>
  ) -> [Double]?
  /// The self-influence gᵢᵀ·M·gᵢ of the n training examples, where there is a better way than to
  /// take them as queries; nil where there is none.
  ///
  /// - Parameters:
  ///   - pass: Products with the block's training gradients.
  ///   - memory: Bytes that it may take.
  func selfInfluence<Element: Scalar>(
    pass: GradientPass<Element>, memory: Int
  ) throws -> BlockSelfInfluence?
}

extension QuerySideOperator {
  /// The training examples are taken as queries.
  public func selfInfluence<Element: Scalar>(
    pass: GradientPass<Element>, memory: Int
  ) throws -> BlockSelfInfluence? { nil }
  /// Nothing is known without another pass.
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
}

/// C = V·Gᵀ of one block, with the norms of the queries.
public struct CrossProducts: Sendable {
  private enum Values: Sendable {
    case single(Matrix<Float>)
    case double(Matrix<Double>)
  }

  private let values: Values
  /// ‖v‖² for each query.
  public let squaredQueryNorms: [Double]

  /// Wraps products computed in either precision.
  ///
  /// - Parameters:
  ///   - values: C, `m × n`.
  ///   - squaredQueryNorms: m squared norms.
  public init<Element: Scalar>(_ values: Matrix<Element>, squaredQueryNorms: [Double]) {
    precondition(values.rows == squaredQueryNorms.count, "one norm a query")
    if let single = values as? Matrix<Float> {
      self.values = .single(single)
    } else {
      self.values = .double(Matrix<Double>(converting: values))
    }
    self.squaredQueryNorms = squaredQueryNorms
  }

  /// The number of queries m.
  public var queryCount: Int { squaredQueryNorms.count }

  /// C in the given precision; no copy where that is its own.
  public func matrix<Element: Scalar>(as: Element.Type = Element.self) -> Matrix<Element> {
    switch values {
    case .single(let matrix): Matrix<Element>(converting: matrix)
    case .double(let matrix): Matrix<Element>(converting: matrix)
    }
  }
}

/// What the score side of a block gives: scores, and the preconditioned queries in the span of the
/// query and the training gradients, x = Gᵀa + βv.
public struct SpanSolution: Sendable {
  /// S, `m × n`, helpful-positive.
  public var scores: Matrix<Double>
  /// a for each query, `m × n`; nil stands for zero.
  public var coefficients: Matrix<Double>?
  /// β, the same for all queries.
  public var beta: Double
  /// What the user should know, such as a solve that did not reach its tolerance.
  public var warnings: [String] = []
}

/// What a fitted block says of the training examples' influence on themselves.
public struct BlockSelfInfluence: Sendable {
  /// gᵢᵀ·M·gᵢ, n numbers.
  public var values: [Double]
  /// What the user should know, such as a solve that did not reach its tolerance.
  public var warnings: [String] = []
}
