import Data
import Foundation
import Gradients
import LinearAlgebra
import Models
import Testing

@Suite("Per-example gradients")
struct PerExampleGradientsTests {
  /// Both activations, with and without adapters.
  static let networks = Activation.allCases.flatMap { [($0, true), ($0, false)] }

  @Test("the batch gives what an example at a time gives", arguments: networks)
  func matchesNaiveReference(activation: Activation, isAdapted: Bool) throws {
    func check<Element: Scalar>(_: Element.Type) throws {
      let model = try Examples.network(activation, isAdapted: isAdapted, of: Element.self)
      let data = try Examples.data(of: Element.self)
      let batch = try PerExampleGradients(of: model).batch(of: data)
      let naive = NaiveNetwork(model: try converted(model))
      // About 20 roundings follow one another through three layers of at most 9 inputs.
      let bound = 200 * Double(Element.ulpOfOne)
      for row in 0..<data.count {
        let features = data.features[row: row].map { Double($0) }
        let (loss, gradient) = naive.lossAndGradient(features, label: data.labels[row])
        #expect(abs(batch.losses[row] - loss) < bound * max(1, loss))
        #expect(gradient.count == batch.blocks.count)
        for (block, reference) in zip(batch.blocks, gradient) {
          #expect(Examples.relativeError(block[row: row], reference) < bound)
        }
      }
    }
    try check(Double.self)
    try check(Float.self)
  }

  @Test("gradients are the slopes of the losses", arguments: networks)
  func matchesCentralDifferences(activation: Activation, isAdapted: Bool) throws {
    let model = try Examples.network(activation, isAdapted: isAdapted, of: Double.self)
    let data = try Examples.data(count: 7, of: Double.self)
    let batch = try PerExampleGradients(of: model).batch(of: data)
    // The step that balances the cubic remainder h²·f‴/6 with the rounding ε·f/h.
    let step = cbrt(3 * Double.ulpOfOne)
    var worst = 0.0
    for (index, values) in model.trainableValues.enumerated() {
      var slopes = Matrix<Double>.zeros(data.count, values.count)
      for column in values.indices {
        var (above, below) = (model, model)
        above.trainableValues[index][column] += step
        below.trainableValues[index][column] -= step
        let width = above.trainableValues[index][column] - below.trainableValues[index][column]
        let losses = zip(try above.losses(of: data), try below.losses(of: data))
        for (row, (high, low)) in losses.enumerated() {
          slopes[row, column] = (high - low) / width
        }
      }
      for row in 0..<data.count {
        worst = max(
          worst, Examples.relativeError(batch.blocks[index][row: row], Array(slopes[row: row])))
      }
    }
    #expect(worst < 1e-6)
  }

  @Test("the size of batches does not matter", arguments: networks)
  func batchSizeInvariance(activation: Activation, isAdapted: Bool) throws {
    let model = try Examples.network(activation, isAdapted: isAdapted, of: Double.self)
    let data = try Examples.data(of: Double.self)
    let gradients = PerExampleGradients(of: model)
    let whole = try gradients.batch(of: data)
    for batchSize in [1, 2, 5, 12, 13, 100] {
      var nextRow = 0
      try gradients.forEachBatch(of: data, batchSize: batchSize) { rows, blocks, losses in
        #expect(rows.lowerBound == nextRow)
        nextRow = rows.upperBound
        #expect(losses.count == rows.count)
        for (part, block) in zip(blocks, whole.blocks) {
          #expect(part.rows == rows.count)
          for (offset, row) in rows.enumerated() {
            let error = Examples.relativeError(part[row: offset], Array(block[row: row]))
            #expect(error < 100 * Double.ulpOfOne)
            #expect(abs(losses[offset] - whole.losses[row]) < 100 * Double.ulpOfOne)
          }
        }
      }
      #expect(nextRow == data.count)
    }
  }

  @Test("neither the number of threads nor keeping the blocks changes a bit")
  func threadInvariance() throws {
    let model = try Examples.network(.tanh, isAdapted: true, of: Float.self)
    let data = try Examples.data(count: 50, of: Float.self)
    defer { Parallelism.threads = 0 }
    let runs = try [1, 2, 3].map { threads in
      Parallelism.threads = threads
      var kept: [[Matrix<Float>]] = []
      try PerExampleGradients(of: model).forEachBatch(of: data, batchSize: 8) { _, blocks, _ in
        kept.append(blocks)
      }
      return kept
    }
    #expect(runs[0].count == 7)
    #expect(runs[1] == runs[0] && runs[2] == runs[0])
  }

  @Test("rows add up to the gradient of the total loss", arguments: networks)
  func sumsToTotalGradient(activation: Activation, isAdapted: Bool) throws {
    let model = try Examples.network(activation, isAdapted: isAdapted, of: Double.self)
    let data = try Examples.data(of: Double.self)
    let batch = try PerExampleGradients(of: model).batch(of: data)
    let (total, loss) = try model.totalGradient(over: data)
    #expect(abs(loss - batch.losses.reduce(0, +)) < 1e-13 * loss)
    for (block, sum) in zip(batch.blocks, total) {
      let ones = Matrix<Double>(repeating: 1, rows: 1, columns: block.rows)
      let rowSum = Matrix(product: ones.view, block.view)
      #expect(Examples.relativeError(rowSum.elements, sum) < 1e-13)
    }
  }

  @Test("the layout names what is trained, with its shape")
  func layout() throws {
    let adapted = try Examples.network(.tanh, isAdapted: true, of: Float.self)
    let gradients = PerExampleGradients(of: adapted)
    #expect(
      gradients.layout.blocks.map(\.name) == [
        "layers.0.lora_A", "layers.0.lora_B", "layers.1.lora_A", "layers.1.lora_B", "head.weight",
        "head.bias",
      ])
    #expect(
      gradients.layout.blocks.map(\.shape) == [[3, 5], [9, 3], [3, 9], [6, 3], [4, 6], [4]])
    let batch = try gradients.batch(of: try Examples.data(of: Float.self), rows: 2..<6)
    #expect(batch.blocks.map(\.columns) == gradients.layout.blocks.map(\.width))
    #expect(batch.blocks.allSatisfy { $0.rows == 4 })

    let full = try Examples.network(.tanh, isAdapted: false, of: Float.self)
    #expect(
      full.layout.blocks.map(\.name) == [
        "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias", "head.weight",
        "head.bias",
      ])
  }

  @Test("predictions are the largest logits")
  func predictions() throws {
    let model = try Examples.network(.relu, isAdapted: true, of: Double.self)
    let data = try Examples.data(of: Double.self)
    let logits = model.logits(of: data.features.view)
    let expected = (0..<data.count).map { row in
      (0..<4).max { logits[row, $0] < logits[row, $1] }
    }
    #expect(try PerExampleGradients(of: model).batch(of: data).predictions == expected)
    #expect(model.predictions(for: data.features.view) == expected)
  }

  @Test("an error in the body ends the batches")
  func bodyErrors() throws {
    struct Stop: Error {}
    let gradients = PerExampleGradients(
      of: try Examples.network(.tanh, isAdapted: true, of: Float.self))
    var calls = 0
    #expect(throws: Stop.self) {
      try gradients.forEachBatch(of: try Examples.data(), batchSize: 2) { _, _, _ in
        calls += 1
        throw Stop()
      }
    }
    #expect(calls == 1)
  }

  private func converted<Element: Scalar>(
    _ model: MultilayerPerceptron<Element>
  ) throws -> MultilayerPerceptron<Double> {
    let layers = model.layers.map { layer in
      LinearLayer(
        weight: Matrix<Double>(converting: layer.weight), bias: layer.bias.map { Double($0) },
        adapter: layer.adapter.map {
          LowRankAdapter(
            down: Matrix(converting: $0.down), up: Matrix(converting: $0.up), alpha: $0.alpha)
        })
    }
    return try MultilayerPerceptron(layers: layers, activation: model.activation)
  }
}
