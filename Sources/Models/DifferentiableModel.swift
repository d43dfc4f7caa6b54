public import Data
public import Gradients
public import LinearAlgebra
public import TensorFiles

/// A model that can be trained again and differentiated example by example: what retraining, the gradients
/// that a store holds, and experiments ask of a model, whatever kind it is.
///
/// A value holds its parameters and the way they are trained. It need not be trained yet: what is asked of
/// ``trained(on:weights:seed:progress:)`` alone are the shapes of its parameters and its settings.
public protocol DifferentiableModel<Examples>: Sendable {
  /// The precision of parameters and gradients.
  associatedtype Element: Scalar
  /// What the model learns from and what it is asked.
  associatedtype Examples: ExampleSet

  /// The names and shapes of the parameters that gradients are taken by, in the order of their columns.
  var layout: BlockLayout { get }
  /// α of the penalty (α/2)·‖θ‖² in the training loss; 0 where there is none.
  var penalty: Double { get }
  /// Whether training again with another seed can give another model; true unless said.
  var dependsOnSeed: Bool { get }
  /// What the optimizer knew at the end of the training; nil unless said.
  var optimizerMoments: OptimizerMoments? { get }
  /// All that a trained model depends on but examples, weights and seed: it is in the key of kept outcomes.
  ///
  /// - Throws: An error of reading what the model is made of.
  var recipe: OrderedJSON { get throws }

  /// The model that trainings on parts of some examples begin with: itself, unless another saves steps.
  ///
  /// - Throws: As ``trained(on:weights:seed:progress:)``.
  func start(for examples: Examples) throws -> Self

  /// The model of other examples, trained in the same way.
  ///
  /// - Parameters:
  ///   - examples: At least one.
  ///   - weights: What each example counts for in the training loss, none negative; all 1 unless given.
  ///   - seed: Decides all that is random; nothing for models that have one minimum.
  ///   - progress: Called with the share of the training that is done, from 0 to 1.
  /// - Throws: ``ModelError``, or `FactorizationError`.
  func trained(
    on examples: Examples, weights: [Double]?, seed: UInt64, progress: ((Double) -> Void)?
  ) throws -> Self

  /// Each example's own loss, in nats, without weight and penalty.
  ///
  /// - Throws: ``ModelError`` if the examples do not fit the model.
  func losses(of examples: Examples) throws -> [Double]

  /// What the model says of each example's class; nil, unless said, for models whose examples have none.
  ///
  /// - Throws: ``ModelError`` if the examples do not fit the model.
  func answers(to examples: Examples) throws -> ClassAnswers?

  /// Gives each example's gradient to `body`, batch by batch, in order.
  ///
  /// - Parameters:
  ///   - examples: Examples that fit the model.
  ///   - target: What the gradients are of.
  ///   - batchSize: Rows of a batch, at least 1; the last may be smaller.
  ///   - body: Called with the rows of a batch, its gradients in the order of ``layout``, each `batch × d`, and
  ///     its losses.
  /// - Throws: ``ModelError`` if the examples do not fit; whatever `body` throws.
  func forEachGradientBatch(
    of examples: Examples, target: GradientTarget, batchSize: Int,
    _ body: (_ rows: Range<Int>, _ blocks: [Matrix<Element>], _ losses: [Double]) throws -> Void
  ) throws

  /// The Kronecker factors of every block of ``layout`` that is a linear map, over some examples.
  ///
  /// - Throws: ``ModelError`` if the examples do not fit; `FactorizationError`.
  func kroneckerFactors(
    over examples: Examples, labels: FisherLabels
  ) throws -> [(block: String, factors: KroneckerFactors)]

  /// The Hessian of the mean loss of some examples, without penalty, `D × D` in the order of ``layout``.
  ///
  /// - Throws: ``ModelError`` if the examples do not fit, or there are too many parameters.
  func hessian(over examples: Examples) throws -> Matrix<Double>

  /// The generalised Gauss–Newton matrix of the same loss, `D × D`.
  ///
  /// - Throws: As ``hessian(over:)``.
  func gaussNewton(over examples: Examples) throws -> Matrix<Double>
}

/// A differentiable model of examples with a class each.
public protocol Classifier<Element>: DifferentiableModel
where Examples == TabularDataSet<Element> {
  /// The logits of rows of features, `n × classes`; softmax makes them probabilities.
  func logits(of features: MatrixView<Element>) -> Matrix<Element>
}

extension Classifier {
  /// The answers of the logits.
  public func answers(to examples: Examples) throws -> ClassAnswers? {
    ClassAnswers(logits: logits(of: examples.features.view), labels: examples.labels)
  }
}

extension DifferentiableModel {
  /// True.
  public var dependsOnSeed: Bool { true }
  /// Nil.
  public var optimizerMoments: OptimizerMoments? { nil }
  /// The model itself.
  public func start(for examples: Examples) throws -> Self { self }
  /// Nil.
  public func answers(to examples: Examples) throws -> ClassAnswers? { nil }

  /// The model of other examples, all of weight 1.
  public func trained(on examples: Examples, seed: UInt64 = 0) throws -> Self {
    try trained(on: examples, weights: nil, seed: seed, progress: nil)
  }

  /// The gradients of the loss of at least one example, in memory.
  ///
  /// - Parameters:
  ///   - examples: n examples, differentiated in as few batches as the model allows.
  ///   - name: What to call the store in messages.
  ///   - type: The precision in which gradients are kept.
  /// - Throws: ``ModelError`` if the examples do not fit.
  public func gradients<Stored: Scalar>(
    of examples: Examples, name: String, as type: Stored.Type
  ) throws -> GradientStore {
    var parts = layout.blocks.map {
      (name: $0.name, shape: $0.shape, gradients: Matrix<Stored>.zeros(examples.count, $0.width))
    }
    try forEachGradientBatch(of: examples, target: .loss, batchSize: .max) { rows, blocks, _ in
      for (index, block) in blocks.enumerated() {
        parts[index].gradients.place(
          Matrix<Stored>(converting: block).view, firstRow: rows.lowerBound, firstColumn: 0)
      }
    }
    return GradientStore(name: name, blocks: parts)
  }

  /// What the model knows of its curvature over some examples, the penalty included.
  ///
  /// - Parameters:
  ///   - examples: n examples.
  ///   - kinds: What is computed.
  ///   - labels: Whose labels the Kronecker factors are of.
  ///   - metadata: What to record, such as `fisher` and `examples`.
  /// - Throws: ``ModelError``, or `FactorizationError`.
  public func curvature(
    over examples: Examples, _ kinds: CurvatureKinds, labels: FisherLabels,
    metadata: [String: String] = [:]
  ) throws -> StoredCurvature {
    let factors =
      kinds.contains(.kroneckerFactors)
      ? try kroneckerFactors(over: examples, labels: labels) : []
    var hessian = kinds.contains(.hessian) ? try hessian(over: examples) : nil
    var gaussNewton = kinds.contains(.gaussNewton) ? try gaussNewton(over: examples) : nil
    hessian?.addToDiagonal(penalty)
    gaussNewton?.addToDiagonal(penalty)
    return StoredCurvature(
      kronecker: factors, hessian: hessian, gaussNewton: gaussNewton, metadata: metadata)
  }
}

/// Parts of what a model knows of its curvature.
public struct CurvatureKinds: OptionSet, Sendable, Hashable {
  /// A bit for each part.
  public let rawValue: Int
  /// Makes a set of its bits.
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// Factors of each block.
  public static let kroneckerFactors = CurvatureKinds(rawValue: 1)
  /// The Hessian of the training loss.
  public static let hessian = CurvatureKinds(rawValue: 2)
  /// Its Gauss–Newton matrix.
  public static let gaussNewton = CurvatureKinds(rawValue: 4)
}
