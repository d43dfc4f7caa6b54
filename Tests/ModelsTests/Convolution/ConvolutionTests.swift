import Data
import Foundation
import Gradients
import LinearAlgebra
import Models
import TensorFiles
import TestSupport
import Testing

@Suite("Convolutional networks")
struct ConvolutionTests {
  private static let image = ImageShape(channels: 2, height: 8, width: 12)
  private static let filters = [3, 4]

  /// A network with random weights and biases, and images for it.
  private func example<Element: Scalar>(
    _ image: ImageShape = image, filters: [Int] = filters, classes: Int = 3, count: Int = 5,
    of: Element.Type = Double.self
  ) throws -> (network: ConvolutionalNetwork<Element>, data: TabularDataSet<Element>) {
    var network = try ConvolutionalNetwork<Element>(
      image: image, filters: filters, classes: classes, seed: 1)
    var generator = SeededGenerator(seed: 2)
    network.values = network.values.map { $0.map { $0 + Element(0.1 * generator.normal()) } }
    let features = Matrix<Element>.normal(count, image.count, using: &generator)
    let labels = (0..<count).map { $0 % classes }
    return (
      network, try TabularDataSet(features: features, labels: labels, classCount: classes)
    )
  }

  private func naive(_ network: ConvolutionalNetwork<Double>) -> NaiveConvolution {
    NaiveConvolution(image: network.image, filters: network.filters, values: network.values)
  }

  private func gradients(
    _ network: ConvolutionalNetwork<Double>, _ data: TabularDataSet<Double>,
    _ target: GradientTarget = .loss, lastLayers: Int? = nil, batch: Int = .max
  ) throws -> (blocks: [Matrix<Double>], losses: [Double]) {
    var model = TrainedConvolutionalNetwork(network, settings: TrainingSettings())
    model.lastLayers = lastLayers
    var blocks = model.layout.blocks.map { Matrix<Double>.zeros(data.count, $0.width) }
    var all: [Double] = []
    try model.forEachGradientBatch(of: data, target: target, batchSize: batch) {
      rows, parts, losses in
      for (index, part) in parts.enumerated() {
        blocks[index].place(part.view, firstRow: rows.lowerBound, firstColumn: 0)
      }
      all += losses
    }
    return (blocks, all)
  }

  @Test("Logits, losses, gradients and five steps are PyTorch's (scripts/oracles/convolution.py)")
  func oracle() throws {
    let url = try #require(
      Bundle.module.url(
        forResource: "convolution.safetensors", withExtension: nil, subdirectory: "Fixtures"))
    let file = try SafetensorsFile(opening: url)
    func matrix(_ name: String) throws -> Matrix<Double> { try file.matrix(name) }
    let labels = try #require(try file.integers("labels"))
    let data = try TabularDataSet<Double>(
      features: matrix("images"), labels: labels, classCount: 3)
    var network = try ConvolutionalNetwork<Double>(
      image: Self.image, filters: Self.filters, classes: 3, seed: 0)
    let names = network.layout.blocks.map(\.name)
    network.values = try names.map { try matrix($0).elements }
    // Sums of up to 54 numbers of size one, in another order.
    let bound = 1e-13
    func isClose(_ found: [Double], _ name: String, _ bound: Double = bound) throws {
      #expect(Examples.relativeError(found, try matrix(name).elements) < bound, "\(name)")
    }
    try isClose(network.logits(of: data.features.view).elements, "logits")
    let found = try gradients(network, data)
    try isClose(found.losses, "losses")
    for (name, block) in zip(names, found.blocks) {
      try isClose(block.elements, "gradient.\(name)")
    }
    var optimizer = try AdamW<Double>(AdamW.Settings(learningRate: 0.01, weightDecay: 0.1))
    for _ in 0..<5 {
      var values = network.values
      let means = try gradients(network, data).blocks.map { $0.meanRow().elements }
      optimizer.step(&values, gradients: means)
      network.values = values
    }
    // Adam divides by the size of gradients, of which some are near zero.
    for (name, values) in zip(names, network.values) {
      try isClose(values, "trained.\(name)", 1e-9)
    }
  }

  @Test("Logits and losses are those of loops over places")
  func loops() throws {
    let (network, data) = try example()
    let naive = naive(network)
    for row in 0..<data.count {
      let pixels = Array(data.features[row: row])
      let logits = network.logits(of: data.features.view)[row: row]
      #expect(Examples.relativeError(Array(logits), naive.forward(pixels).logits) < 1e-13)
      let loss = try network.losses(of: data)[row]
      #expect(abs(loss - naive.loss(pixels, label: data.labels[row])) < 1e-12)
    }
  }

  @Test(
    "Gradients are central differences of the loops", arguments: [GradientTarget.loss, .margin])
  func differences(_ target: GradientTarget) throws {
    let (network, data) = try example(count: 3)
    let blocks = try gradients(network, data, target).blocks
    var generator = SeededGenerator(seed: 3)
    let step = 1e-5
    for row in 0..<data.count {
      let (pixels, label) = (Array(data.features[row: row]), data.labels[row])
      for (block, values) in network.values.enumerated() {
        for _ in 0..<6 {
          let place = generator.index(below: values.count)
          let sides = [step, -step].map { move in
            var naive = naive(network)
            naive.values[block][place] += move
            return target == .loss
              ? naive.loss(pixels, label: label) : naive.margin(pixels, label: label)
          }
          // step² times a third derivative, and 1e-16/step.
          #expect(abs((sides[0] - sides[1]) / (2 * step) - blocks[block][row, place]) < 1e-8)
        }
      }
    }
  }

  @Test("Neither batches nor layers left out change a gradient, single precision little")
  func batches() throws {
    let (network, data) = try example(count: 70)
    let all = try gradients(network, data)
    let some = try gradients(network, data, batch: 33)
    #expect(Examples.relativeError(some.losses, all.losses) < 1e-14)
    for (found, expected) in zip(some.blocks, all.blocks) {
      #expect(Examples.relativeError(found.elements, expected.elements) < 1e-14)
    }
    let head = try gradients(network, data, lastLayers: 1)
    #expect(head.blocks == Array(all.blocks.suffix(2)))
    let (single, singleData) = try example(count: 70, of: Float.self)
    let losses = try single.losses(of: singleData)
    #expect(Examples.relativeError(losses, try network.losses(of: data)) < 1e-5)
  }

  @Test("Kronecker factors take places as examples")
  func factors() throws {
    let (network, data) = try example(count: 4)
    let naive = naive(network)
    let factors = try network.kroneckerFactors(over: data)
    #expect(factors.map(\.block) == network.layout.blocks.map(\.name))
    let layers = Self.filters.count
    var inputs = (0...layers).map { layer in
      Matrix<Double>.zeros(
        network.layout.blocks[2 * layer].shape[1], network.layout.blocks[2 * layer].shape[1])
    }
    var outputs = factors.indices.map { index in
      Matrix<Double>.zeros(
        network.layout.blocks[index].shape[0], network.layout.blocks[index].shape[0])
    }
    func add(_ vector: [Double], _ scale: Double, to sum: inout Matrix<Double>) {
      for i in vector.indices {
        for j in vector.indices { sum[i, j] += scale * vector[i] * vector[j] }
      }
    }
    for row in 0..<data.count {
      let (pixels, label) = (Array(data.features[row: row]), data.labels[row])
      let (read, shapes, logits) = naive.forward(pixels)
      for (layer, shape) in shapes.enumerated() {
        let places = shape.height * shape.width
        for place in 0..<places {
          let patch = naive.patch(read[layer], shape, place)
          add(patch, 1 / Double(places * data.count), to: &inputs[layer])
          let delta = (0..<Self.filters[layer]).map { filter in
            let sides = [1e-5, -1e-5].map { move in
              naive.loss(
                pixels, label: label,
                bump: .init(layer: layer, place: place, filter: filter, by: move))
            }
            return (sides[0] - sides[1]) / 2e-5
          }
          add(delta, 1 / Double(data.count), to: &outputs[2 * layer])
        }
      }
      add(read[layers], 1 / Double(data.count), to: &inputs[layers])
      let total = logits.reduce(0) { $0 + exp($1) }
      let delta = logits.enumerated().map { exp($1) / total - ($0 == label ? 1 : 0) }
      add(delta, 1 / Double(data.count), to: &outputs[2 * layers])
    }
    for layer in 0...layers {
      let weight = factors[2 * layer].factors
      let bias = factors[2 * layer + 1].factors
      #expect(
        Examples.relativeError(weight.activations.elements, inputs[layer].elements) < 1e-12)
      #expect(
        Examples.relativeError(weight.outputGradients.elements, outputs[2 * layer].elements) < 1e-7)
      #expect(bias.outputGradients == weight.outputGradients && bias.activations.elements == [1])
    }
    // The second moments in the eigenbasis add up to those of the gradients, whatever the basis.
    for (entry, block) in zip(factors, try gradients(network, data).blocks) {
      let trace = block.elements.reduce(0) { $0 + $1 * $1 } / Double(data.count)
      let found = try #require(entry.factors.eigenvalues).elements.reduce(0, +)
      #expect(abs(found - trace) < 1e-12 * max(trace, 1))
    }
  }

  @Test("Second derivatives are those of the loss, and Gauss–Newton's of a linear head")
  func secondDerivatives() throws {
    let (network, data) = try example(
      ImageShape(channels: 1, height: 4, width: 4), filters: [2], classes: 3, count: 4)
    let hessian = try network.hessian(over: data)
    let gaussNewton = try network.gaussNewton(over: data)
    let count = network.layout.columnCount
    #expect(hessian.rows == count && gaussNewton.columns == count)
    // Along a line through the parameters, by second differences of the mean loss.
    var generator = SeededGenerator(seed: 8)
    let line = Matrix<Double>.normal(1, count, using: &generator)
    func loss(_ step: Double) throws -> Double {
      var moved = network
      var place = 0
      moved.values = moved.values.map { values in
        values.map {
          defer { place += 1 }
          return $0 + step * line[0, place]
        }
      }
      return Statistics.mean(try moved.losses(of: data))
    }
    let step = 1e-4
    let second = (try loss(step) - 2 * loss(0) + loss(-step)) / (step * step)
    let product = Matrix(product: line.view, hessian.view).view.rowDots(with: line.view)[0]
    #expect(abs(product - second) < 1e-4 * max(1, abs(second)))
    let head = network.layout.blocks[2].columns.lowerBound..<count
    let own = Matrix(hessian.view[rows: head, columns: head])
    let expected = Matrix(gaussNewton.view[rows: head, columns: head])
    #expect(Examples.relativeError(own.elements, expected.elements) < 1e-6)
  }

  @Test("Averages before the head have the gradients of their own losses")
  func averages() throws {
    let image = ImageShape(channels: 1, height: 8, width: 8)
    let network = try ConvolutionalNetwork<Double>(
      image: image, filters: [2, 3], headPooling: 2, classes: 2, seed: 4)
    #expect(network.layout.blocks[4].shape == [2, 3])
    var generator = SeededGenerator(seed: 5)
    let data = try TabularDataSet(
      features: Matrix<Double>.normal(2, 64, using: &generator), labels: [0, 1], classCount: 2)
    let blocks = try gradients(network, data).blocks
    for (block, values) in network.values.enumerated() {
      for place in [0, values.count - 1] {
        let sides = try [1e-5, -1e-5].map { move in
          var moved = network
          moved.values[block][place] += move
          return try moved.losses(of: data)
        }
        for row in 0..<2 {
          let difference = (sides[0][row] - sides[1][row]) / 2e-5
          #expect(abs(difference - blocks[block][row, place]) < 1e-8)
        }
      }
    }
  }

  @Test("Training is a function of examples, weights and seed, and learns digits")
  func training() throws {
    let digits: TabularDataSet<Double> = Digits.dataSet()
    let parts = try digits.split(counts: [400, 300], seed: 1)
    let network = try ConvolutionalNetwork<Double>(
      image: ImageShape(channels: 1, height: 8, width: 8), filters: [6, 12], classes: 10, seed: 0)
    let start = TrainedConvolutionalNetwork(
      network, settings: TrainingSettings(epochs: 15, batchSize: 16, learningRate: 1e-2))
    let trained = try start.trained(on: parts[0], seed: 3)
    #expect(try #require(try trained.answers(to: parts[1])).accuracy > 0.8)
    #expect(trained.optimizerMoments?.rule.stepCount == 375 && start.optimizerMoments == nil)
    let few = parts[0].selecting(Array(0..<20))
    func values(_ weights: [Double]?, _ seed: UInt64) throws -> [[Double]] {
      try start.trained(on: few, weights: weights, seed: seed, progress: nil).network.values
    }
    let plain = try values(nil, 1)
    #expect(try values(Array(repeating: 1, count: 20), 1) == plain)
    #expect(try values(nil, 2) != plain)
    #expect(try values((0..<20).map { $0 == 3 ? 0 : 1 }, 1) != plain)
    #expect(start.recipe != TrainedConvolutionalNetwork(network, settings: .init()).recipe)
  }

  @Test("Sizes that do not fit are refused")
  func refusals() throws {
    func network(_ image: ImageShape, _ filters: [Int], _ pooling: Int = 1) throws {
      _ = try ConvolutionalNetwork<Double>(
        image: image, filters: filters, headPooling: pooling, classes: 3, seed: 0)
    }
    #expect(throws: ModelError.self) { try network(Self.image, []) }
    #expect(throws: ModelError.self) { try network(Self.image, [0]) }
    #expect(throws: ModelError.self) { try network(Self.image, [2, 2, 2]) }
    #expect(throws: ModelError.self) { try network(Self.image, [2, 2], 2) }
    try network(Self.image, [2, 2])
    let (model, data) = try example()
    let narrow = try TabularDataSet(
      features: Matrix<Double>.zeros(3, 7), labels: [0, 1, 2], classCount: 3)
    #expect(throws: ModelError.self) { try model.losses(of: narrow) }
    #expect(throws: ModelError.self) { try model.kroneckerFactors(over: narrow) }
    let large = try ConvolutionalNetwork<Double>(
      image: Self.image, filters: [20, 30], classes: 3, seed: 0)
    #expect(throws: ModelError.self) { try large.hessian(over: data) }
  }
}
