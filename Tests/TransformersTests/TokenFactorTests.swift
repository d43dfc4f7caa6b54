import Foundation
import Gradients
import LinearAlgebra
import Models
import TensorFiles
import TestSupport
import Testing

import Transformers

/// Against hooks on PyTorch's layers in double precision (`scripts/oracles/kronecker_factors.py`), and against what follows
/// from the definition.
@Suite("Kronecker factors per token")
struct TokenFactorTests {
  /// The factors of a model's texts, in double precision, some texts at a time.
  private func factors(
    _ model: ComputedModel, _ texts: [TokenSequence]? = nil, labels: FisherLabels = .empirical,
    sums: Bool = false, textsAtATime: Int = 3
  ) throws -> [KroneckerFactors] {
    let transformer = try model.transformer(Double.self)
    let texts = texts ?? model.texts
    let batches = stride(from: 0, to: texts.count, by: textsAtATime).map { first in
      TextBatch(texts: texts[first..<min(texts.count, first + textsAtATime)], firstToken: 0)
    }
    return try transformer.kroneckerFactors(
      of: batches, labels: labels, sums: sums, rotation: transformer.rotation(positions: 32))
  }

  /// The gradients of texts, each of q × p, by block.
  private func gradients(
    _ model: ComputedModel, _ texts: [TokenSequence]
  ) throws -> [[Matrix<Double>]] {
    let transformer = try model.transformer(Double.self)
    let rows = try #require(
      try transformer.measured(
        TextBatch(texts: texts[...], firstToken: 0), TextMeasurement(), gradients: .perText,
        rotation: transformer.rotation(positions: 32)
      ).gradients
    ).rows
    return zip(model.adapter.layout.blocks, rows).map { block, rows in
      (0..<texts.count).map {
        Matrix(
          rows: block.shape[0], columns: block.width / block.shape[0],
          elements: Array(rows[row: $0]))
      }
    }
  }

  @Test("means over tokens as PyTorch's hooks see them", arguments: ComputedModel.families)
  func oracle(_ family: String) throws {
    let model = try ComputedModel(family)
    let file = try SafetensorsFile(
      opening: fixture("computed").appending(path: "\(family)/factors.safetensors"))
    for (block, found) in zip(model.adapter.layout.blocks, try factors(model)) {
      let a: Matrix<Double> = try file.matrix("\(block.name).activations")
      let s: Matrix<Double> = try file.matrix("\(block.name).output_gradients")
      #expect(relativeError(found.activations, a) < 1e-11, "\(block.name)")
      #expect(relativeError(found.outputGradients, s) < 1e-11, "\(block.name)")
      #expect(found.eigenvalues == nil && found.activationBasis == nil)
    }
  }

  @Test("the public model in single precision, by name", arguments: ComputedModel.families)
  func singlePrecision(_ family: String) throws {
    let computed = try ComputedModel(family)
    let model = try LanguageModel(computed.checkpoint, adapter: computed.adapter)
    let found = try model.kroneckerFactors(of: computed.texts, batchTokens: 12)
    #expect(found.map(\.block) == computed.adapter.layout.blocks.map(\.name))
    for (single, double) in zip(found, try factors(computed)) {
      let (a, s) = (single.factors.activations, single.factors.outputGradients)
      #expect(relativeError(a, double.activations) < 5e-5, "\(single.block)")
      #expect(relativeError(s, double.outputGradients) < 5e-5, "\(single.block)")
    }
  }

  @Test("S of a sum over tokens is that of their mean times the square of their number")
  func reductions() throws {
    let model = try ComputedModel("llama")
    let text = [model.texts[0]]
    let scale = Double(text[0].predictedCount * text[0].predictedCount)
    let pairs = zip(try factors(model, text), try factors(model, text, sums: true))
    for (mean, sum) in pairs {
      var scaled = mean.outputGradients
      scaled.scale(by: scale)
      #expect(relativeError(sum.outputGradients, scaled) < 1e-12)
      #expect(relativeError(sum.activations, mean.activations) < 1e-14)
    }
  }

  @Test(
    "of one text of one token, S ⊗ A is g·gᵀ, the example's own", arguments: ["bert", "roberta"])
  func oneToken(_ family: String) throws {
    let model = try ComputedModel(family)
    let text = try #require(model.texts.first { $0.tokens.count == 1 })
    for (factor, gradient) in zip(try factors(model, [text]), try gradients(model, [text])) {
      let g = gradient[0]
      let largest = g.elements.reduce(0) { max($0, $1 * $1) }
      for first in 0..<g.elements.count {
        let (o, i) = (first / g.columns, first % g.columns)
        for second in 0..<g.elements.count {
          let (u, j) = (second / g.columns, second % g.columns)
          let product = factor.outputGradients[o, u] * factor.activations[i, j]
          #expect(abs(product - g[o, i] * g[u, j]) <= 1e-12 * largest)
        }
      }
    }
  }

  /// lora_B reads u = A·x and passes s back as Bᵀ·s.
  @Test("the factors of a pair follow from each other", arguments: ComputedModel.families)
  func pairs(_ family: String) throws {
    let model = try ComputedModel(family)
    let found = try factors(model, labels: .sampled(seed: 3))
    for index in model.adapter.modules.indices {
      let (low, high) = (found[2 * index], found[2 * index + 1])
      let down = Matrix<Double>(converting: model.adapter.parameters[2 * index])
      let up = Matrix<Double>(converting: model.adapter.parameters[2 * index + 1])
      let inputs = Matrix(
        product: Matrix(product: down.view, low.activations.view).view, down.transposed)
      #expect(relativeError(high.activations, inputs) < 1e-12)
      let gradients = Matrix(
        product: Matrix(product: up.transposed, high.outputGradients.view).view, up.view)
      #expect(relativeError(low.outputGradients, gradients) < 1e-10)
    }
  }

  /// S of the map to the labels is the mean of (p − y)(p − y)ᵀ, A of a bias is 1.
  @Test("the map to the labels, from the logits")
  func labelMap() throws {
    let model = try ComputedModel("bert")
    let block = try #require(
      model.adapter.layout.blocks.firstIndex { $0.name.hasSuffix("classifier.bias") })
    let found = try factors(model)[block]
    var expected = Matrix<Double>.zeros(3, 3)
    for (index, text) in model.texts.enumerated() {
      guard case .label(let label) = text.goal else { continue }
      var difference = Softmax(try model.values("logits.\(index)").elements).probabilities
      difference[label] -= 1
      for row in 0..<3 {
        for column in 0..<3 {
          expected[row, column] += difference[row] * difference[column] / Double(model.texts.count)
        }
      }
    }
    #expect(found.activations == Matrix(rows: 1, columns: 1, elements: [1]))
    #expect(relativeError(found.outputGradients, expected) < 1e-11)
  }

  @Test("drawn labels are those of texts that have them", arguments: ["bert", "roberta"])
  func drawnLabels(_ family: String) throws {
    let model = try ComputedModel(family)
    // Many rows, so that each label is drawn.
    let texts = (0..<5).flatMap { _ in model.texts }
    let logits = try model.texts.indices.map { try model.values("logits.\($0)").elements }
    let drawn = texts.enumerated().map { row, text in
      let p = Softmax(logits[row % logits.count]).probabilities
      var generator = SeededGenerator(seed: 7, stream: 4 << 32 + UInt64(row))
      let u = generator.uniform()
      var label = 0
      while label < p.count - 1, u >= p[...label].reduce(0, +) { label += 1 }
      return TokenSequence(tokens: text.tokens, types: text.types, goal: .label(label))
    }
    #expect(Set(drawn.map(\.goal)).count > 1 && drawn.map(\.goal) != texts.map(\.goal))
    let found = try factors(model, texts, labels: .sampled(seed: 7))
    let expected = try factors(model, drawn)
    for (found, expected) in zip(found, expected) {
      #expect(relativeError(found.outputGradients, expected.outputGradients) < 1e-12)
      #expect(relativeError(found.activations, expected.activations) < 1e-12)
    }
    for (factor, texts) in zip(found, try gradients(model, drawn)) {
      try secondMoments(factor, of: texts)
    }
  }

  /// Λ is the mean of (Q_s·g·Q_aᵀ)², and its sum the mean ‖g‖².
  private func secondMoments(_ factor: KroneckerFactors, of texts: [Matrix<Double>]) throws {
    let inputs = try #require(factor.activationBasis)
    let outputs = try #require(factor.outputBasis)
    let moments = try #require(factor.eigenvalues)
    var expected = Matrix<Double>.zeros(moments.rows, moments.columns)
    var squares = 0.0
    for g in texts {
      for o in 0..<moments.rows {
        for i in 0..<moments.columns {
          var sum = 0.0
          for row in 0..<g.rows {
            for column in 0..<g.columns {
              sum += outputs[o, row] * g[row, column] * inputs[i, column]
            }
          }
          expected[o, i] += sum * sum / Double(texts.count)
        }
      }
      squares += g.elements.reduce(0) { $0 + $1 * $1 } / Double(texts.count)
    }
    #expect(relativeError(moments, expected) < 1e-11)
    expectClose(moments.elements.reduce(0, +), squares, bound: .relative(1e-12))
    try factor.check(block: "block", path: "memory")
  }

  /// The drawn token takes the place of the last one, which no other token attends to.
  @Test(
    "drawn tokens are those of texts that go on with them", arguments: ["llama", "qwen2", "gpt2"])
  func drawnTokens(_ family: String) throws {
    let model = try ComputedModel(family)
    let transformer = try model.transformer(Double.self)
    let texts = (0..<4).flatMap { _ in model.texts }.map {
      TokenSequence(tokens: $0.tokens, goal: .tokens(from: $0.tokens.count - 1))
    }
    var drawn: [TokenSequence] = []
    for (row, text) in texts.enumerated() {
      let logits = try transformer.logits(
        TextBatch(texts: [text], firstToken: 0), rotation: transformer.rotation(positions: 32))
      let p = Softmax(Array(logits[row: logits.rows - 2])).probabilities
      var generator = SeededGenerator(seed: 9, stream: 4 << 32 + UInt64(row))
      let u = generator.uniform()
      var token = 0
      while token < p.count - 1, u >= p[...token].reduce(0, +) { token += 1 }
      var changed = text
      changed.tokens[text.tokens.count - 1] = token
      drawn.append(changed)
    }
    #expect(Set(drawn.map { $0.tokens.last }).count > 3)
    let found = try factors(model, texts, labels: .sampled(seed: 9))
    for (found, expected) in zip(found, try factors(model, drawn)) {
      #expect(relativeError(found.outputGradients, expected.outputGradients) < 1e-12)
    }
    for (factor, texts) in zip(found, try gradients(model, drawn)) {
      try secondMoments(factor, of: texts)
    }
  }

  @Test(
    "batches and threads change nothing that is drawn", arguments: ComputedModel.families,
    [FisherLabels.empirical, .sampled(seed: 5)])
  func batches(_ family: String, _ labels: FisherLabels) throws {
    let model = try ComputedModel(family)
    let together = try factors(model, labels: labels, textsAtATime: 100)
    for (a, b) in zip(together, try factors(model, labels: labels, textsAtATime: 1)) {
      #expect(relativeError(b.activations, a.activations) < 1e-12)
      #expect(relativeError(b.outputGradients, a.outputGradients) < 1e-12)
      if let moments = a.eigenvalues {
        // Eigenvectors of nearly equal eigenvalues turn freely; the sum of second moments does not change.
        let sums = [moments, try #require(b.eigenvalues)].map { $0.elements.reduce(0, +) }
        expectClose(sums[1], sums[0], bound: .relative(1e-12))
      }
    }
  }

  @Test("other seeds draw others, and many draws approach the Fisher matrix of the model's answers")
  func expectation() throws {
    let model = try ComputedModel("bert")
    let texts = Array(repeating: model.texts[0], count: 4000)
    let block = try #require(
      model.adapter.layout.blocks.firstIndex { $0.name.hasSuffix("classifier.bias") })
    let found = try factors(model, texts, labels: .sampled(seed: 1), textsAtATime: 500)[block]
    let p = Softmax(try model.values("logits.0").elements).probabilities
    for row in 0..<3 {
      for column in 0..<3 {
        let expected = (row == column ? p[row] : 0) - p[row] * p[column]
        // Numbers of at most 1, of deviation at most 1/2: five deviations of a mean of 4,000.
        #expect(abs(found.outputGradients[row, column] - expected) < 0.04)
      }
    }
    let other = try factors(model, texts, labels: .sampled(seed: 2), textsAtATime: 500)[block]
    #expect(other.outputGradients != found.outputGradients)
  }

  @Test("too little memory for factors is said before work")
  func memory() throws {
    let model = try ComputedModel("bert")
    var companions = StoreCompanions()
    func bytes() throws -> Int {
      try PassMemory(
        model.checkpoint, adapter: model.adapter, texts: model.texts, companions: companions,
        budget: 1 << 30, threads: 1
      ).bytes
    }
    let plain = try bytes()
    companions.factors = .empirical
    let least = model.adapter.layout.blocks.reduce(0) { sum, block in
      let (q, p) = (block.shape[0], block.width / block.shape[0])
      return sum + 8 * (q * q + p * p)
    }
    #expect(try bytes() >= plain + least)
    var wide = model.adapter
    wide = Adapter(
      modules: [
        Adapter.Module(name: "wide", inputs: 1 << 22, outputs: 4, rank: 1, scale: 1)
      ], tensors: [],
      parameters: [.zeros(1, 1 << 22), .zeros(4, 1)])
    do {
      _ = try PassMemory(
        model.checkpoint, adapter: wide, texts: model.texts, companions: companions,
        budget: 4 << 30, threads: 1)
      Issue.record("280 TB of factors fit into 4 GB")
    } catch {
      guard case .tooLittleMemoryBeside(let what, _, _) = error else { throw error }
      #expect(what == "the Kronecker factors" && "\(error)".contains("allow more memory"))
    }
  }
}
