internal import Data
public import Gradients
public import LinearAlgebra
internal import TensorFiles

/// A small convolutional network for the classes of images.
///
/// Each convolution reads squares of 3 × 3 pixels around every place, with nothing beyond the edge; the positive part
/// of what it makes is averaged over squares of 2 × 2. What is left after the last is averaged over larger squares where
/// that is asked for, and a linear head gives the logits of it. The weights of a convolution are `filters × 9 · channels`:
/// the pixels of the square row by row, all channels of a pixel together.
public struct ConvolutionalNetwork<Element: Scalar>: Sendable, Equatable {
  /// The images that are read.
  public let image: ImageShape
  /// The convolutions and, last, the head.
  public internal(set) var layers: [LinearLayer<Element>]
  /// The side of the squares that are averaged before the head; 1: none are.
  public let headPooling: Int

  /// The side of the squares that are averaged after each convolution.
  static var pooling: Int { 2 }
  /// The most parameters of ``hessian(over:)`` and ``gaussNewton(over:)``.
  public static var mostParameters: Int { 4096 }

  /// Makes a network with random weights and zero biases: uniform in ±√(6/inputs) before a positive part (He et al., 2015),
  /// in ±√(6/(inputs + outputs)) for the head (Glorot and Bengio, 2010).
  ///
  /// - Parameters:
  ///   - image: The images that are read.
  ///   - filters: How many each convolution has, at least one convolution.
  ///   - headPooling: The side of the squares that are averaged before the head.
  ///   - classes: The classes that are told apart.
  ///   - seed: The same seed gives the same weights.
  /// - Throws: ``ModelError`` where sizes are not positive, squares leave a rest, or weights do not fit into memory.
  public init(
    image: ImageShape, filters: [Int], headPooling: Int = 1, classes: Int, seed: UInt64
  ) throws(ModelError) {
    let sides = [image.channels, image.height, image.width]
    guard !filters.isEmpty, (sides + filters + [headPooling, classes]).allSatisfy({ $0 > 0 }) else {
      throw .badLayerSizes(sides + filters + [classes])
    }
    var shape = image
    var sizes: [(inputs: Int, outputs: Int)] = []
    for (index, count) in filters.enumerated() {
      let pooling = Self.pooling * (index == filters.count - 1 ? headPooling : 1)
      guard shape.height % pooling == 0, shape.width % pooling == 0 else {
        throw .layerDoesNotFit(
          layer: index,
          reason:
            "images of \(shape.height) × \(shape.width) pixels, of which squares of \(pooling) × \(pooling) are averaged"
        )
      }
      sizes.append((ImageRows.side * ImageRows.side * shape.channels, count))
      shape = shape.filtered(count, pooling: pooling)
    }
    sizes.append((shape.count, classes))
    // Parameters, their gradient, and two moments of each in training.
    let copies = 4 * sizes.count * MemoryLayout<Element>.stride
    guard sizes.allSatisfy({ MachineMemory.holds($0.inputs, $0.outputs, copies) }) else {
      throw .networkTooLarge(sizes.map(\.outputs))
    }
    self.image = image
    self.headPooling = headPooling
    layers = sizes.enumerated().map { index, size in
      let isHead = index == sizes.count - 1
      let fan = isHead ? size.inputs + size.outputs : size.inputs
      let bound = (6 / Double(fan)).squareRoot()
      var generator = SeededGenerator(seed: seed, stream: RandomStream.weights + UInt64(index))
      return LinearLayer(
        weight: .uniform(size.outputs, size.inputs, in: -bound..<bound, using: &generator),
        bias: Array(repeating: 0, count: size.outputs))
    }
  }

  /// The network in another precision.
  init<Other: Scalar>(converting other: ConvolutionalNetwork<Other>) {
    image = other.image
    headPooling = other.headPooling
    layers = other.layers.map {
      LinearLayer(weight: Matrix(converting: $0.weight), bias: $0.bias.map { Element(Double($0)) })
    }
  }

  /// The number of filters of each convolution.
  public var filters: [Int] { layers.dropLast().map(\.outputs) }
  /// The number of classes that the network tells apart.
  public var outputs: Int { layers[layers.count - 1].outputs }

  /// What each convolution reads.
  var shapes: [ImageShape] {
    var shape = image
    return layers.dropLast().map { layer in
      defer { shape = shape.filtered(layer.outputs, pooling: Self.pooling) }
      return shape
    }
  }

  /// The side of the squares that are averaged after a convolution.
  func pooling(after convolution: Int) -> Int {
    Self.pooling * (convolution == layers.count - 2 ? headPooling : 1)
  }

  /// The names and shapes of the parameters: `layers.k.weight` (`filters × 9 · channels`) and `layers.k.bias` of each
  /// convolution, then `head.weight` and `head.bias`.
  public var layout: BlockLayout { layout(lastLayers: nil) }

  /// The part of ``layout`` that belongs to some layers, counted from the head.
  func layout(lastLayers: Int?) -> BlockLayout {
    BlockLayout(
      layers.enumerated().dropFirst(firstLayer(lastLayers)).flatMap { index, layer in
        let name = index == layers.count - 1 ? "head" : "layers.\(index)"
        return [
          ("\(name).weight", [layer.outputs, layer.inputs]), ("\(name).bias", [layer.outputs]),
        ]
      })
  }

  /// The first of some layers that are counted from the head; of all if nil.
  func firstLayer(_ lastLayers: Int?) -> Int {
    max(0, layers.count - (lastLayers ?? layers.count))
  }

  /// The values of the parameters, each row by row, in the order of ``layout``; set to move the network.
  public var values: [[Element]] {
    get { layers.flatMap { [$0.weight.elements, $0.bias] } }
    set {
      precondition(newValue.count == 2 * layers.count, "\(newValue.count) tensors")
      for index in layers.indices {
        let (outputs, inputs) = (layers[index].outputs, layers[index].inputs)
        layers[index] = LinearLayer(
          weight: Matrix(rows: outputs, columns: inputs, elements: newValue[2 * index]),
          bias: newValue[2 * index + 1])
      }
    }
  }

  /// Refuses data that the network cannot read, or that are no data.
  func checkFit(_ data: TabularDataSet<Element>) throws(ModelError) {
    guard data.count > 0 else { throw .data(.noExamples) }
    guard data.features.columns == image.count, data.classCount <= outputs else {
      throw .dataDoNotFit(
        features: data.features.columns, classes: data.classCount, inputs: image.count,
        outputs: outputs)
    }
  }
}
