internal import Data
public import LinearAlgebra
internal import TensorFiles

/// A fully connected network for classification, with or without low-rank adapters.
///
/// Hidden layers are y = activation(x·Wᵀ + b + (α/r)·x·Aᵀ·Bᵀ); the last layer, the head, gives the
/// logits without an activation. What is trained follows from the adapters: if any layer has one,
/// the adapters and the head, as in parameter-efficient fine-tuning; otherwise every weight and bias.
public struct MultilayerPerceptron<Element: Scalar>: Sendable, Equatable {
  /// The layers, from the inputs to the head.
  public internal(set) var layers: [LinearLayer<Element>]
  /// The function after each layer but the last.
  public let activation: Activation

  /// Makes a network of existing layers.
  ///
  /// - Throws: ``ModelError`` if there is no layer, the head has an adapter, or sizes do not fit.
  public init(
    layers: [LinearLayer<Element>], activation: Activation
  ) throws(ModelError) {
    guard let head = layers.last else { throw .badLayerSizes([]) }
    for (index, layer) in layers.enumerated() {
      if let misfit = layer.misfit { throw .layerDoesNotFit(layer: index, reason: misfit) }
      if index > 0, layers[index - 1].outputs != layer.inputs {
        throw .layerDoesNotFit(
          layer: index,
          reason: "\(layer.inputs) inputs after a layer of \(layers[index - 1].outputs) outputs")
      }
    }
    guard head.adapter == nil else {
      throw .layerDoesNotFit(
        layer: layers.count - 1, reason: "an adapter on the head, which is trained itself")
    }
    self.layers = layers
    self.activation = activation
  }

  /// Makes a network with random weights and zero biases.
  ///
  /// Weights are uniform in ±bound. For tanh and for the head, bound = √(6/(inputs + outputs))
  /// (Glorot and Bengio 2010); for relu, √(6/inputs) (He et al. 2015), since relu halves the variance.
  ///
  /// - Parameters:
  ///   - sizes: The number of inputs, of each hidden layer's outputs, and of classes; all positive.
  ///   - activation: The function after each hidden layer.
  ///   - seed: The same seed gives the same weights.
  /// - Throws: ``ModelError/badLayerSizes(_:)``, or ``ModelError/networkTooLarge(_:)``.
  public init(sizes: [Int], activation: Activation = .tanh, seed: UInt64) throws(ModelError) {
    guard sizes.count >= 2, sizes.allSatisfy({ $0 > 0 }) else { throw .badLayerSizes(sizes) }
    // Parameters, their gradient, and two moments of each in training; the layers together as one of the largest.
    let copies = 4 * (sizes.count - 1) * MemoryLayout<Element>.stride
    guard
      zip(sizes, sizes.dropFirst()).allSatisfy({ MachineMemory.holds($0, $1, copies) })
    else { throw .networkTooLarge(sizes) }
    layers = (1..<sizes.count).map { index in
      let (inputs, outputs) = (sizes[index - 1], sizes[index])
      let isHead = index == sizes.count - 1
      let fan = activation == .relu && !isHead ? inputs : inputs + outputs
      let bound = (6 / Double(fan)).squareRoot()
      var generator = SeededGenerator(
        seed: seed, stream: RandomStream.weights + UInt64(index - 1))
      return LinearLayer(
        weight: .uniform(outputs, inputs, in: -bound..<bound, using: &generator),
        bias: Array(repeating: 0, count: outputs))
    }
    self.activation = activation
  }

  /// Gives every hidden layer a new low-rank adapter, which does not change the outputs yet: B is
  /// zero, and A normal with deviation 1/r.
  ///
  /// - Parameters:
  ///   - rank: The rank r, at least 1.
  ///   - alpha: The numerator of the factor α/r; positive.
  ///   - seed: The same seed gives the same adapters.
  /// - Throws: ``ModelError/badSetting(name:value:allowed:)``, or
  ///   ``ModelError/layerDoesNotFit(layer:reason:)`` if there is no hidden layer.
  public mutating func addAdapters(rank: Int, alpha: Double, seed: UInt64) throws(ModelError) {
    try ModelError.check(rank >= 1, "adapter rank", rank, "at least 1")
    try ModelError.check(alpha > 0 && alpha.isFinite, "adapter alpha", alpha, "a positive number")
    guard layers.count > 1 else {
      throw .layerDoesNotFit(layer: 0, reason: "no hidden layer to adapt")
    }
    for index in layers.indices.dropLast() {
      var generator = SeededGenerator(seed: seed, stream: RandomStream.adapters + UInt64(index))
      layers[index].adapter = LowRankAdapter(
        inputs: layers[index].inputs, outputs: layers[index].outputs, rank: rank, alpha: alpha,
        using: &generator)
    }
  }

  /// The number of features that the network reads.
  public var inputs: Int { layers[0].inputs }
  /// The number of classes that the network tells apart.
  public var outputs: Int { layers[layers.count - 1].outputs }
  /// Whether the network has low-rank adapters, so that only they and the head are trained.
  public var hasAdapters: Bool { layers.contains { $0.adapter != nil } }

  /// Refuses data that the network cannot read, or that are no data.
  func checkFit(_ data: TabularDataSet<Element>) throws(ModelError) {
    guard data.count > 0 else { throw .data(.noExamples) }
    guard data.features.columns == inputs, data.classCount <= outputs else {
      throw .dataDoNotFit(
        features: data.features.columns, classes: data.classCount, inputs: inputs,
        outputs: outputs)
    }
  }
}
