import Foundation
import Gradients
import LinearAlgebra
import TestSupport
import Testing

import Transformers

/// Against what follows from the hidden states that transformers computes in double precision; see ``ComputedModel``.
@Suite("What the last layer of a language model reads")
struct ModelRepresentationTests {
  /// tanh(W·h + b) of the first token, or the mean of the rows before predicted tokens.
  private func expected(_ family: String, _ model: ComputedModel) throws -> Matrix<Double> {
    let rows = try model.texts.indices.map { index -> [Double] in
      let hidden = try model.values("hidden.\(index)")
      guard case .tokens(let first) = model.texts[index].goal else {
        let map = family == "bert" ? "bert.pooler.dense" : "classifier.dense"
        let weight = try parameter("\(map).weight", of: model)
        let bias = try parameter("\(map).bias", of: model).elements
        return (0..<weight.rows).map { row in
          tanh(bias[row] + zip(weight[row: row], hidden[row: 0]).reduce(0) { $0 + $1.0 * $1.1 })
        }
      }
      let places = first - 1..<model.texts[index].tokens.count - 1
      return (0..<hidden.columns).map { column in
        places.reduce(0) { $0 + hidden[$1, column] } / Double(places.count)
      }
    }
    return Matrix(rows: rows.count, columns: rows[0].count, elements: rows.flatMap(\.self))
  }

  /// Of the adapter where it trains the tensor, or of the checkpoint.
  private func parameter(_ name: String, of model: ComputedModel) throws -> Matrix<Double> {
    let adapter = model.adapter
    guard let place = adapter.tensors.firstIndex(where: { $0.name == name }) else {
      return Matrix(converting: try model.checkpoint.matrix(name))
    }
    return Matrix(converting: adapter.parameters[2 * adapter.modules.count + place])
  }

  @Test("in double precision", arguments: ComputedModel.families)
  func representations(_ family: String) throws {
    let model = try ComputedModel(family)
    let transformer = try model.transformer(Double.self)
    let found = try transformer.representations(
      TextBatch(texts: model.texts[...], firstToken: 0),
      rotation: transformer.rotation(positions: 32))
    #expect(relativeError(found, try expected(family, model)) < 1e-11)
  }

  @Test(
    "of the public model, with labels and a fitted head, or none",
    arguments: ComputedModel.families)
  func companion(_ family: String) throws {
    let computed = try ComputedModel(family)
    let model = try LanguageModel(computed.checkpoint, adapter: computed.adapter)
    let found = try model.representations(
      of: computed.texts, fittingHeadWith: 0.1, batchTokens: 12)
    #expect(relativeError(found.features, try expected(family, computed)) < 2e-5)
    guard let classes = model.labelCount else {
      #expect(!found.isLabelled && found.head == nil)
      return
    }
    #expect(computed.texts.map(\.goal) == found.labels.map { .label($0) })
    let head = try #require(found.head)
    #expect(head.weights.rows == classes && head.regularization == 0.1)
    // At the minimum, Θ = −Σ (∂ℓᵢ/∂φ)·xᵢᵀ/(λn).
    var sum = Matrix<Double>.zeros(classes, found.features.columns + 1)
    sum.add(
      product: head.outputGradients.transposed, found.features.appendingOnes().view,
      scale: -1 / (0.1 * Double(found.count)))
    #expect(relativeError(sum, head.weights) < 1e-9)
    let plain = try model.representations(of: computed.texts)
    #expect(plain.head == nil && plain.labels == found.labels)
  }

  @Test("too little memory for what is written beside gradients is said before work")
  func memory() throws {
    let model = try ComputedModel("llama")
    let texts = Array(repeating: model.texts[0], count: 200_000)
    func plan(_ companions: StoreCompanions) throws -> PassMemory {
      try PassMemory(
        model.checkpoint, adapter: model.adapter, texts: texts, companions: companions,
        budget: 60 << 20, threads: 1)
    }
    var companions = StoreCompanions()
    let plain = try plan(companions)
    companions.representations = true
    do {
      _ = try plan(companions)
      Issue.record("64 MB of features fit into 60 MB")
    } catch let error as TextError {
      guard case .tooLittleMemoryBeside(let what, let needed, let budget) = error else {
        throw error
      }
      #expect(what == "the representations of all texts" && needed > budget && budget == 60 << 20)
    }
    #expect(plain.bytes <= 60 << 20)
  }
}
