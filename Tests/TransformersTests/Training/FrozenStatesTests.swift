import Gradients
import LinearAlgebra
import Models
import OrderedCollections
import TensorFiles
import Testing

import Transformers

/// What enters the first layer with an adapter is computed once for each text, and changes no bit.
@Suite("Layers below the adapter")
struct FrozenStatesTests {
  private static let families = ComputedModel.families

  /// An adapter beside the last layer alone, with the pairs of a larger one.
  private func lastLayer(_ adapter: Adapter) -> Adapter {
    let places = adapter.modules.indices.filter { index in
      let name = adapter.modules[index].name
      return name.contains("layer.1.") || name.contains("layers.1.") || name.contains("h.1.")
    }
    return Adapter(
      modules: places.map { adapter.modules[$0] }, tensors: adapter.tensors,
      parameters: places.flatMap { Array(adapter.parameters[2 * $0...2 * $0 + 1]) }
        + adapter.parameters.dropFirst(2 * adapter.modules.count))
  }

  private func model(
    _ family: String, frozenBytes: Int?, drops: Bool = true
  ) throws -> (texts: [TokenSequence], model: FineTunedModel) {
    let computed = try ComputedModel(family)
    var model = try LanguageModel(computed.checkpoint, adapter: lastLayer(computed.adapter))
    model.adapterDropout = 0.1
    model.dropsFrozenLayers = drops
    return (
      computed.texts,
      FineTunedModel(
        model,
        settings: FineTuningSettings(epochs: 2, batchSize: 3, learningRate: 0.02, warmup: 0),
        frozenBytes: frozenBytes)
    )
  }

  /// All that a model of texts gives, of two trainings on parts of them.
  private func numbers(_ model: FineTunedModel, _ texts: [TokenSequence]) throws -> [[Double]] {
    var numbers: [[Double]] = []
    for rows in [[0, 1, 2, 3], [3, 1, 2]] {
      let trained = try model.trained(on: rows.map { texts[$0] }, seed: 5)
      numbers += trained.model.adapter.parameters.map { $0.elements.map { Double($0) } }
      numbers.append(try trained.losses(of: texts))
      if let answers = try trained.answers(to: texts) { numbers.append(answers.margins) }
      numbers.append(try trained.model.representations(of: texts).features.elements)
      try trained.forEachGradientBatch(of: texts, target: .loss, batchSize: 3) { _, blocks, _ in
        numbers += blocks.map { $0.elements.map { Double($0) } }
      }
      for factor in try trained.kroneckerFactors(over: texts, labels: .empirical) {
        numbers.append(factor.factors.activations.elements)
      }
    }
    return numbers
  }

  @Test("Nothing, some or all of it kept: the same bits", arguments: families, [true, false])
  func bits(_ family: String, _ drops: Bool) throws {
    let (texts, without) = try model(family, frozenBytes: 0, drops: drops)
    let expected = try numbers(without, texts)
    let (_, with) = try model(family, frozenBytes: nil, drops: drops)
    #expect(try numbers(with, texts) == expected)
    #expect(try numbers(with, texts) == expected)
    let (_, some) = try model(family, frozenBytes: 700, drops: drops)
    #expect(try numbers(some, texts) == expected)
    let kept = try #require(with.model.frozenStates)
    #expect(kept.count == texts.count && kept.bytes > 0 && kept.bytes <= kept.mostBytes)
    let few = try #require(some.model.frozenStates)
    #expect(few.count < texts.count && few.bytes <= 700)
    #expect(without.model.frozenStates?.count == 0)
  }

  @Test("Training keeps what it reads where nothing is dropped below")
  func training() throws {
    for (family, drops, count) in [("bert", true, 0), ("bert", false, 3), ("llama", true, 3)] {
      let (texts, start) = try model(family, frozenBytes: nil, drops: drops)
      _ = try start.trained(on: Array(texts.prefix(3)), seed: 1)
      #expect(start.model.frozenStates?.count == count, "\(family) \(drops)")
    }
  }

  @Test("Dropout below the adapter is part of a training and of its recipe")
  func dropout() throws {
    let (texts, whole) = try model("bert", frozenBytes: nil, drops: true)
    let (_, above) = try model("bert", frozenBytes: nil, drops: false)
    let parameters = try [whole, above].map {
      try $0.trained(on: texts, seed: 1).model.adapter.parameters
    }
    #expect(parameters[0] != parameters[1])
    #expect(try whole.recipe != above.recipe)
    #expect(try above.recipe.object?["frozen dropout"] == .boolean(false))
  }

  /// Layers below that have pairs which add nothing are computed with the whole batch.
  @Test("Text by text is what a batch gives, in double precision", arguments: families)
  func texts(_ family: String) throws {
    let computed = try ComputedModel(family)
    let last = lastLayer(computed.adapter)
    let kept = Set(last.modules.map(\.name))
    var zeroed = computed.adapter
    for (index, module) in zeroed.modules.enumerated() where !kept.contains(module.name) {
      let up = zeroed.parameters[2 * index + 1]
      zeroed.parameters[2 * index + 1] = .zeros(up.rows, up.columns)
    }
    func measured(_ adapter: Adapter) throws -> MeasuredBatch<Double> {
      let configuration = computed.checkpoint.configuration
      let transformer = Transformer<Double>(
        configuration: configuration,
        architecture: computed.checkpoint.family.architecture(configuration),
        weights: try ModelWeights(computed.checkpoint, keeping: []),
        adapter: AdapterParameters(adapter))
      return try transformer.measured(
        TextBatch(texts: computed.texts[...], firstToken: 0), TextMeasurement(),
        gradients: .perText, rotation: transformer.rotation(positions: 32))
    }
    #expect(!kept.isEmpty && kept.count < zeroed.modules.count)
    let (whole, byText) = (try measured(zeroed), try measured(last))
    let wholeRows = try #require(whole.gradients).rows
    let rows = try #require(byText.gradients).rows
    for (block, found) in zip(last.layout.blocks, rows) {
      let place = try #require(zeroed.layout.blocks.firstIndex { $0.name == block.name })
      #expect(relativeError(found, wholeRows[place]) < 1e-11, "\(block.name)")
    }
    let values = [whole, byText].map {
      Matrix(rows: 1, columns: $0.values.count, elements: $0.values)
    }
    #expect(relativeError(values[1], values[0]) < 1e-12)
  }
}
