public import Gradients
public import TensorFiles

/// A way to approximate the inverse curvature: the M of S = Σ V·M·Gᵀ, with its settings.
///
/// An estimator is fitted to one block at a time, on one of two sides:
/// - on the *score side*, from the kernel K = G·Gᵀ (`n × n`), it maps C = V·Gᵀ to scores;
/// - on the *query side*, from F = GᵀG/n (`d × d`) or from passes over G, it maps V to X = V·M.
///
/// Both sides give the same scores, and ``CostModel`` chooses. What a side needs, costs and does is a
/// ``ScoreSideFit`` or ``QuerySideFit``. A method that is another method plus a normalization takes the
/// sides of the other.
///
/// To add a method, write one file with a type that conforms, and add the type to ``EstimatorCatalog``
/// (or call ``EstimatorCatalog/register(_:)`` in a program of your own).
public protocol Estimator: ConfigurableMethod {
  /// The fit on the score side; nil where the method has none.
  var scoreSide: (any ScoreSideFit)? { get }
  /// The fit on the query side; nil where the method has none.
  var querySide: (any QuerySideFit)? { get }
  /// The fit for many dampings at once; nil where the method cannot be swept.
  var sweep: (any SweepFit)? { get }
  /// The method that gives the same scores by passes over G alone, for blocks whose K and F are both
  /// too large for the memory; nil where there is no such method.
  var withoutMatrices: (any Estimator)? { get }
  /// What must be given beside the gradients, whatever the side.
  var inputs: Set<Need> { get }
  /// What scores are divided by, once they are summed over the blocks.
  var normalization: ScoreNormalization { get }
  /// Whether λ plays a part at all.
  var isDamped: Bool { get }
  /// Whether λ may be zero.
  var allowsZeroDamping: Bool { get }
  /// Whether a score is linear in the training example's gradient, so that it is a product with x = M·v of the query.
  var isLinear: Bool { get }
  /// Whether the method is meant for one block of all parameters, as a Hessian is.
  var prefersOneBlock: Bool { get }

  /// The method over one segment of a training, where it follows queries through a training; nil where it does not.
  ///
  /// Its M must be the integral of e^(−Fs) over s from 0 to the time, so that v − F·M·v is e^(−F·time)·v.
  ///
  /// - Parameter time: The sum of the learning rates of the segment's steps.
  /// - Throws: ``InfluenceError/invalidSetting(method:setting:reason:)`` where a setting says the time already.
  func segment(lasting time: Double) throws(InfluenceError) -> (any Estimator)?
  /// Refuses training gradients that the method cannot be fitted to, before any work.
  ///
  /// - Throws: ``InfluenceError``, or `GradientStoreError` of what a store does not hold.
  func check(_ training: GradientStore) throws
  /// What a record says of files that the method read beside the gradients, by what they are: path and checksum; empty
  /// where there are none.
  ///
  /// - Throws: An error from reading them.
  func inputRecords(on training: GradientStore) throws -> OrderedJSON
  /// The weights of ``ScoreNormalization/exampleWeights``, n numbers.
  func exampleWeights(on training: GradientStore) throws -> [Double]
}

extension Estimator {
  /// Nil: the method has no score side.
  public var scoreSide: (any ScoreSideFit)? { nil }
  /// Nil: the method has no query side.
  public var querySide: (any QuerySideFit)? { nil }
  /// Nil: the method cannot be swept over dampings.
  public var sweep: (any SweepFit)? { nil }
  /// Nil: no other method gives the same scores without matrices.
  public var withoutMatrices: (any Estimator)? { nil }
  /// What the two sides need that must be given beside the gradients.
  public var inputs: Set<Need> {
    Side.allCases.reduce(into: []) { $0.formUnion(needs(on: $1).filter(\.isGivenBesideGradients)) }
  }
  /// None: scores stay as they are summed.
  public var normalization: ScoreNormalization { .none }
  /// True: the method adds λ to the curvature.
  public var isDamped: Bool { true }
  /// False: the method divides by λ.
  public var allowsZeroDamping: Bool { false }
  /// True: scores are products with one direction of each query.
  public var isLinear: Bool { true }
  /// False: the method suits blocks of single tensors.
  public var prefersOneBlock: Bool { false }
  /// Nil: stores are scored each by itself.
  public func segment(lasting time: Double) throws(InfluenceError) -> (any Estimator)? { nil }
  /// The optimizer's moments, where the method takes them.
  public func inputRecords(on training: GradientStore) throws -> OrderedJSON {
    guard inputs.contains(.optimizerMoments), let moments = try training.optimizerMoments() else {
      return [:]
    }
    return moments.record
  }
  /// Accepts every store.
  public func check(_ training: GradientStore) throws {}
  /// A weight of 1 for every example.
  public func exampleWeights(on training: GradientStore) throws -> [Double] {
    [Double](repeating: 1, count: training.count)
  }

  /// The fit on a side, as what both kinds have in common; nil where the method has none.
  func fit(on side: Side) -> (any SideFit)? { side == .score ? scoreSide : querySide }

  /// What the method needs on a side; empty where it has no such side, or needs nothing but the norms.
  func needs(on side: Side) -> Set<Need> { fit(on: side)?.needs ?? [] }

  /// Whether the method can be fitted on the given side.
  public func works(on side: Side) -> Bool { fit(on: side) != nil }

  /// Whether a fit can be kept in files: whether it is made of K, F and the norms alone.
  public var canBeKept: Bool {
    normalization == .none
      && Side.allCases.allSatisfy { !needs(on: $0).contains(.ownFit) }
  }
}
