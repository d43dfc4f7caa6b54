import Data
import Gradients
import LinearAlgebra
import Models
import TestSupport
import Testing

@Suite("Gradients of the last layers, and penultimate features")
struct LastLayersTests {
  @Test(
    "the blocks are the last of all blocks, bit for bit",
    arguments: [(1, false), (2, false), (3, false), (9, false), (1, true), (2, true)])
  func blocks(layers: Int, isAdapted: Bool) throws {
    let model = try Examples.network(.tanh, isAdapted: isAdapted, of: Double.self)
    let data = try Examples.data(of: Double.self)
    for (target, dropout) in [
      (GradientTarget.loss, nil), (.margin, try Dropout(rate: 0.3, seed: 1)),
    ] {
      let all = PerExampleGradients(of: model, target: target, dropout: dropout)
      let last = PerExampleGradients(
        of: model, target: target, dropout: dropout, lastLayers: layers)
      let names = all.layout.blocks.map(\.name)
      let expected = 2 * min(layers, 3)
      #expect(last.layout.blocks.map(\.name) == Array(names.suffix(expected)))
      let (full, part) = (try all.batch(of: data), try last.batch(of: data))
      #expect(part.blocks == Array(full.blocks.suffix(expected)))
      #expect(part.losses == full.losses && part.predictions == full.predictions)
      var rows = 0
      try last.forEachBatch(of: data, batchSize: 4) { range, blocks, _ in
        rows += range.count
        #expect(blocks.map(\.columns) == last.layout.blocks.map(\.width))
      }
      #expect(rows == data.count)
    }
  }

  @Test("the head on penultimate features is the network", arguments: [false, true])
  func penultimate(isAdapted: Bool) throws {
    let model = try Examples.network(.relu, isAdapted: isAdapted, of: Double.self)
    let data = try Examples.data(of: Double.self)
    let seen = try model.penultimateFeatures(of: data)
    #expect(seen.features.columns == 6 && seen.labels == data.labels && seen.ids == data.ids)
    let head = try MultilayerPerceptron(layers: [model.layers[2]], activation: .relu)
    #expect(head.logits(of: seen.features.view) == model.logits(of: data.features.view))
    let linear = try MultilayerPerceptron<Double>(sizes: [5, 4], seed: 1)
    #expect(linear.penultimateFeatures(of: data.features.view) == data.features)
  }
}
