import Gradients
import LinearAlgebra
import Testing

import Transformers

/// Against transformers and PEFT in double precision; see ``ComputedModel``.
@Suite("Language models compute what transformers and PEFT do")
struct ComputationTests {
  // Weights are single precision on both sides; rotations and activations are the C library's functions here and
  // PyTorch's there. Sums of some hundred numbers of size one differ by some 1e-14.
  private let tolerance = 1e-11

  @Test("hidden states, logits and measures in double precision", arguments: ComputedModel.families)
  func answers(_ family: String) throws {
    let model = try ComputedModel(family)
    let transformer = try model.transformer(Double.self)
    let rotation = transformer.rotation(positions: 32)
    let batch = TextBatch(texts: model.texts[...], firstToken: 0)
    for (index, text) in model.texts.enumerated() {
      let single = TextBatch(texts: [text], firstToken: 0)
      let hidden = try transformer.hiddenStates(single, rotation: rotation)
      #expect(relativeError(hidden, try model.values("hidden.\(index)")) < tolerance)
      let logits = try transformer.logits(single, rotation: rotation)
      #expect(relativeError(logits, try model.values("logits.\(index)")) < tolerance)
    }
    for (name, measure) in [("loss", LogitMeasure.loss), ("margin", .margin), ("logit", .logit)] {
      let measured = try transformer.measured(
        batch, TextMeasurement(measure: measure), gradients: .none, rotation: rotation)
      let values = Matrix(rows: model.texts.count, columns: 1, elements: measured.values)
      #expect(relativeError(values, try model.values(name)) < tolerance)
    }
  }

  @Test("gradients of each text in double precision", arguments: ComputedModel.families)
  func gradients(_ family: String) throws {
    let model = try ComputedModel(family)
    let transformer = try model.transformer(Double.self)
    let measured = try transformer.measured(
      TextBatch(texts: model.texts[...], firstToken: 0), TextMeasurement(), gradients: .perText,
      rotation: transformer.rotation(positions: 32))
    let rows = try #require(measured.gradients).rows
    for (block, found) in zip(model.adapter.layout.blocks, rows) {
      #expect(relativeError(found, try model.gradient(block)) < tolerance, "\(block.name)")
    }
  }

  @Test("the public model in single precision", arguments: ComputedModel.families)
  func singlePrecision(_ family: String) throws {
    let computed = try ComputedModel(family)
    let model = try LanguageModel(computed.checkpoint, adapter: computed.adapter)
    // Some dozen operations deep, each rounded to 6e-8.
    let tolerance = 2e-5
    for (index, text) in computed.texts.enumerated() {
      let logits = Matrix<Double>(converting: try model.logits(of: text))
      #expect(relativeError(logits, try computed.values("logits.\(index)")) < tolerance)
    }
    let losses = try model.losses(of: computed.texts)
    let expected = try computed.values("loss").elements
    #expect(zip(losses, expected).allSatisfy { abs($0 - $1) < tolerance * max(1, $1) })
    var next = 0
    try model.forEachGradientBatch(of: computed.texts, batchTokens: 12) { rows, blocks, losses in
      #expect(rows.lowerBound == next && losses.count == rows.count)
      next = rows.upperBound
      for (block, found) in zip(model.adapter.layout.blocks, blocks) {
        let expected = Matrix(try computed.gradient(block).view[rows: rows])
        #expect(
          relativeError(Matrix<Double>(converting: found), expected) < tolerance, "\(block.name)")
      }
    }
    #expect(next == computed.texts.count)
  }

  @Test("a text's numbers do not depend on its batch", arguments: ComputedModel.families)
  func batches(_ family: String) throws {
    let computed = try ComputedModel(family)
    let model = try LanguageModel(computed.checkpoint, adapter: computed.adapter)
    func all(_ tokens: Int) throws -> [[Float]] {
      var rows: [[Float]] = []
      try model.forEachGradientBatch(of: computed.texts, batchTokens: tokens) { range, blocks, _ in
        for row in 0..<range.count { rows.append(blocks.flatMap { Array($0[row: row]) }) }
      }
      return rows
    }
    let alone = try all(1)
    let together = try all(1000)
    for (a, b) in zip(alone, together) {
      let largest = a.map(abs).max() ?? 0
      #expect(zip(a, b).allSatisfy { abs($0 - $1) <= 1e-5 * largest })
    }
  }

  @Test(
    "the gradient of a weighted sum is the sum of the texts' gradients",
    arguments: ComputedModel.families)
  func sums(_ family: String) throws {
    let model = try ComputedModel(family)
    let transformer = try model.transformer(Double.self)
    let rotation = transformer.rotation(positions: 32)
    let batch = TextBatch(texts: model.texts[...], firstToken: 0)
    let weights = [0.5, -1, 2, 0.25]
    let each = try #require(
      try transformer.measured(
        batch, TextMeasurement(), gradients: .perText, rotation: rotation
      ).gradients
    ).rows
    let sum = try #require(
      try transformer.measured(
        batch, TextMeasurement(), gradients: .sum(weights: weights), rotation: rotation
      ).gradients
    ).rows
    for (texts, total) in zip(each, sum) {
      let expected = Matrix(
        product: Matrix(rows: 1, columns: weights.count, elements: weights).view, texts.view)
      #expect(relativeError(total, expected) < 1e-12)
    }
  }

  @Test(
    "central differences, with and without dropout", arguments: ComputedModel.families,
    [false, true])
  func centralDifferences(_ family: String, drops: Bool) throws {
    let model = try ComputedModel(family)
    let rotation = try model.transformer(Double.self).rotation(positions: 32)
    let batch = TextBatch(texts: model.texts[...], firstToken: 0)
    let dropout = PassDropout(
      rates: ModelDropout(embedding: 0.1, hidden: 0.2, attention: 0.3, classifier: 0.25),
      adapterRate: 0.2, stream: DropoutStream(seed: 5, step: 9), firstRow: 3)
    let parameters = model.adapter.parameters.map { Matrix<Double>(converting: $0) }
    let weights = [1.0, 0.5, -2, 0.75]
    func total(_ parameters: [Matrix<Double>]) throws -> Double {
      let values = try model.transformer(Double.self, parameters: parameters).measured(
        batch, TextMeasurement(measure: .margin), gradients: .none, rotation: rotation,
        dropout: drops ? dropout : nil
      ).values
      return zip(values, weights).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let gradients = try #require(
      try model.transformer(Double.self).measured(
        batch, TextMeasurement(measure: .margin), gradients: .sum(weights: weights),
        rotation: rotation, dropout: drops ? dropout : nil
      ).gradients
    ).rows
    var generator = SeededGenerator(seed: 3)
    for (index, gradient) in gradients.enumerated() {
      let place = generator.index(below: gradient.columns)
      // The error of the difference is of the order of step², of the sums' rounding 1e-13/step.
      let step = 1e-4
      var (up, down) = (parameters, parameters)
      up[index] = up[index].adding(step, at: place)
      down[index] = down[index].adding(-step, at: place)
      let slope = (try total(up) - total(down)) / (2 * step)
      #expect(abs(slope - gradient.elements[place]) < 1e-5 * max(1, abs(slope)))
    }
  }
}

extension Matrix<Double> {
  fileprivate func adding(_ value: Double, at place: Int) -> Matrix {
    var changed = elements
    changed[place] += value
    return Matrix(rows: rows, columns: columns, elements: changed)
  }
}
