internal import Data
internal import Gradients
internal import Influence
internal import LinearAlgebra
internal import Models
internal import TensorFiles

/// The gradients of a trained network on training examples and on queries, in memory.
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
  ///   - model: The trained network.
  ///   - training: n examples.
  ///   - queries: m examples.
  ///   - methods: The methods that will be asked for.
  ///   - dropout: Which hidden units are silent, if any.
  ///   - lastLayers: How many layers, counted from the head, have their parameters in the gradients; nil for
  ///     all. Second derivatives are of all layers, so methods that need them do not go with it.
  ///   - seed: Draws the labels of the Fisher matrix.
  ///   - penalty: α of a penalty (α/2)·‖θ‖² in the training loss, which belongs to its second derivatives.
  init(
    of model: MultilayerPerceptron<Double>, training: TabularDataSet<Double>,
    queries: TabularDataSet<Double>, methods: [String] = [], dropout: Dropout? = nil,
    lastLayers: Int? = nil, seed: UInt64 = 0, penalty: Double = 0
  ) throws {
    func gradients(_ data: TabularDataSet<Double>, _ name: String, _ draw: UInt64) throws
      -> GradientStore
    {
      try Self.store(
        of: PerExampleGradients(
          of: model, dropout: dropout?.varied(by: draw), lastLayers: lastLayers), data, name)
    }
    let store = try gradients(training, "training", 0)
    let queryStore = try gradients(queries, "queries", 1)
    let needs = Needs(of: methods)
    precondition(
      !(needs.hessian || needs.gaussNewton) || lastLayers == nil,
      "second derivatives are of all layers")
    self.queries = queryStore
    guard !needs.kinds.isEmpty else {
      self.training = store
      return
    }
    let blocks = Set(store.layout.blocks.map(\.name))
    var hessian = needs.hessian ? try model.hessian(over: training) : nil
    var gaussNewton = needs.gaussNewton ? try model.gaussNewton(over: training) : nil
    hessian?.addToDiagonal(penalty)
    gaussNewton?.addToDiagonal(penalty)
    self.training = store.with(
      curvature: StoredCurvature(
        kronecker: needs.factors
          ? try model.kroneckerFactors(over: training, labels: .sampled(seed: seed))
            .filter { blocks.contains($0.block) } : [],
        hessian: hessian, gaussNewton: gaussNewton,
        metadata: ["fisher": "sampled", "examples": "\(training.count)"]))
  }

  /// Takes gradients as they are.
  ///
  /// - Parameters:
  ///   - training: n rows, with what the model knows of its curvature.
  ///   - queries: m rows.
  init(training: GradientStore, queries: GradientStore) {
    self.training = training
    self.queries = queries
  }

  /// What methods need beside gradients.
  struct Needs {
    /// Kronecker factors.
    let factors: Bool
    /// The Hessian.
    let hessian: Bool
    /// The Gauss–Newton matrix.
    let gaussNewton: Bool
    /// The same as a set.
    var kinds: CurvatureKinds {
      var kinds: CurvatureKinds = []
      if factors { kinds.insert(.kroneckerFactors) }
      if hessian { kinds.insert(.hessian) }
      if gaussNewton { kinds.insert(.gaussNewton) }
      return kinds
    }

    init(of methods: [String]) {
      let names = methods.flatMap { $0.split(whereSeparator: { ":=,".contains($0) }) }
      factors = names.contains { $0 == "kfac" || $0 == "ekfac" }
      hessian = names.contains("exact-hessian")
      gaussNewton = names.contains("exact-ggn")
    }
  }

  /// The setting of `lastLayers`.
  static let layersSetting = Setting(
    "model.gradient-layers", .integer(0...Int.max), standard: 0,
    help: "how many layers, from the head, have gradients; 0 for all")

  /// The value of ``layersSetting``; nil for all layers.
  ///
  /// - Throws: ``ExperimentError`` where a method needs all.
  static func lastLayers(_ settings: Settings, methods: [String]) throws -> Int? {
    let count = settings.integer("model.gradient-layers")
    guard count > 0 else { return nil }
    let whole = methods.first { $0.contains("exact-ggn") || $0.contains("exact-hessian") }
    if let whole {
      throw settings.invalid(
        "model.gradient-layers",
        "\(whole) needs the gradients of all layers; give 0, or leave it out")
    }
    return count
  }

  /// Single precision, as gradients are usually stored.
  private static func store(
    of gradients: PerExampleGradients<Double>, _ data: TabularDataSet<Double>, _ name: String
  ) throws -> GradientStore {
    let batch = try gradients.batch(of: data)
    return GradientStore(
      name: name,
      blocks: zip(gradients.layout.blocks, batch.blocks).map {
        ($0.name, $0.shape, Matrix<Float>(converting: $1))
      })
  }
}
