internal import InfluenceKit

/// The gradients of a trained model on training examples and on queries, in memory.
///
/// What methods need beside gradients (Kronecker factors, second derivatives) is computed only where one
/// of them needs it.
struct GradientPair: Sendable {
  /// n rows.
  let training: GradientStore
  /// m rows.
  let queries: GradientStore

  /// Computes the gradients.
  ///
  /// - Parameters:
  ///   - model: The trained model.
  ///   - asked: The same model as it is asked, where other hidden units are silent then; nil for the model itself.
  ///   - training: n examples.
  ///   - queries: m examples.
  ///   - methods: The methods that will be asked for.
  ///   - seed: Draws the labels of the Fisher matrix.
  ///   - type: The precision in which gradients are kept; single, as they are usually stored, unless given.
  init<Model: DifferentiableModel, Stored: Scalar>(
    of model: Model, asked: Model? = nil, training: Model.Examples, queries: Model.Examples,
    methods: [String] = [], seed: UInt64 = 0, as type: Stored.Type = Float.self
  ) throws {
    let store = try model.gradients(of: training, name: "training", as: type)
    let kinds = try Self.curvature(neededBy: methods)
    self.training =
      kinds.isEmpty
      ? store
      : store.with(
        curvature: try model.curvature(
          over: training, kinds, labels: .sampled(seed: seed),
          metadata: ["fisher": "sampled", "examples": "\(store.count)"]))
    self.queries = try (asked ?? model).gradients(of: queries, name: "queries", as: type)
  }

  /// What methods need of a model's curvature.
  private static func curvature(neededBy methods: [String]) throws -> CurvatureKinds {
    var kinds: CurvatureKinds = []
    for need in try methods.flatMap({ try EstimatorCatalog.estimator($0).inputs }) {
      switch need {
      case .kroneckerFactors: kinds.insert(.kroneckerFactors)
      case .secondDerivative(.hessian): kinds.insert(.hessian)
      case .secondDerivative(.gaussNewton): kinds.insert(.gaussNewton)
      default: break
      }
    }
    return kinds
  }

  /// The first method that needs second derivatives, and so the gradients of all layers.
  static func firstOfAllLayers(_ methods: [String]) throws -> String? {
    try methods.first { method in
      try !EstimatorCatalog.estimator(method).inputs.isDisjoint(
        with: StoredCurvature.SecondDerivative.allCases.map(Need.secondDerivative))
    }
  }

  /// The setting of `lastLayers`.
  static let layersSetting = Setting(
    "model.gradient-layers", .integer(0...Setting.mostCounted), standard: 0,
    help: "how many layers, from the head, have gradients; 0 for all")

  /// The value of ``layersSetting``; nil for all layers.
  ///
  /// - Throws: ``ExperimentError`` where a method needs all.
  static func lastLayers(_ settings: Settings, methods: [String]) throws -> Int? {
    let count = settings.integer("model.gradient-layers")
    guard count > 0 else { return nil }
    if let whole = try firstOfAllLayers(methods) {
      throw settings.invalid(
        "model.gradient-layers",
        "\(whole) needs the gradients of all layers; give 0, or leave it out")
    }
    return count
  }
}
