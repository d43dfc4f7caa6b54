internal import Data
public import Gradients
internal import Influence
public import LinearAlgebra
internal import Models

/// The gradients of a trained model on training examples and on queries, in memory.
public struct GradientPair: Sendable {
  /// n rows.
  public let training: GradientStore
  /// m rows.
  public let queries: GradientStore
}

extension TrainedTask {
  /// The gradients of the training and the validation examples.
  ///
  /// - Parameters:
  ///   - methods: The methods that will be asked for: what they need beside gradients (Kronecker factors, second
  ///     derivatives) is computed too. None unless given.
  ///   - asked: The model as the validation examples ask it, where other hidden units are silent then; the same unless
  ///     given.
  ///   - type: The precision in which gradients are kept; single, as they are usually stored, unless given.
  /// - Throws: An error of the model; `InfluenceError` for a method that is not known.
  public func gradients<Stored: Scalar>(
    for methods: [String] = [], asking asked: Model? = nil, as type: Stored.Type = Float.self
  ) throws -> GradientPair {
    var training = try model.gradients(of: parts.training, name: "training", as: type)
    let kinds = try CurvatureKinds(neededBy: methods)
    if !kinds.isEmpty {
      training = training.with(
        curvature: try model.curvature(
          over: parts.training, kinds, labels: .sampled(seed: seed),
          metadata: ["fisher": "sampled", "examples": "\(training.count)"]))
    }
    if let moments = model.optimizerMoments { training = training.with(optimizer: moments) }
    return GradientPair(
      training: training,
      queries: try (asked ?? model).gradients(of: parts.validation, name: "queries", as: type))
  }
}

extension CurvatureKinds {
  /// What methods need of a model's curvature.
  fileprivate init(neededBy methods: [String]) throws {
    self = []
    for need in try methods.flatMap({ try EstimatorCatalog.estimator($0).inputs }) {
      switch need {
      case .kroneckerFactors: insert(.kroneckerFactors)
      case .secondDerivative(.hessian): insert(.hessian)
      case .secondDerivative(.gaussNewton): insert(.gaussNewton)
      default: break
      }
    }
  }
}
