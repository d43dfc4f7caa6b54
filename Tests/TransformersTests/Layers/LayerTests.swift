import Gradients
import LinearAlgebra
import RealModule
import TestSupport
import Testing

import Transformers

/// Each layer against ``NaiveLayers``, in double precision: what it computes, and its gradients against central
/// differences of the naive layer.
@Suite("Layers compute what they are defined to")
struct LayerTests {
  /// Sums of up to 24 products of numbers near one, a dozen operations deep.
  private let bound = Bound.relative(1e-12)

  /// Numbers for each token of a model's texts.
  private func numbers(_ model: ComputedModel, seed: UInt64) -> Matrix<Double> {
    var generator = SeededGenerator(seed: seed)
    let tokens = model.texts.reduce(0) { $0 + $1.tokens.count }
    return .normal(tokens, model.checkpoint.configuration.hiddenSize, using: &generator)
  }

  /// A naive layer of one text on all texts, one after the other.
  private func each(
    _ model: ComputedModel, _ x: Matrix<Double>,
    _ body: (NaiveLayers.Rows) throws -> NaiveLayers.Rows
  ) rethrows -> Matrix<Double> {
    var start = 0
    var rows: NaiveLayers.Rows = []
    for text in model.texts {
      rows += try body(Array(x.lists[start..<start + text.tokens.count]))
      start += text.tokens.count
    }
    return Matrix(lists: rows)
  }

  /// Holds gradients of Σ d · y against central differences of a naive y, at some places.
  ///
  /// - Parameters:
  ///   - d: The gradient by y.
  ///   - dx: What was found by the input x.
  ///   - found: What was found by the adapter's parameters; those that are zero do not take part in the layer.
  ///   - y: The naive layer with the adapter's parameters.
  private func compareSlopes(
    _ model: ComputedModel, _ d: Matrix<Double>, at x: Matrix<Double>, dx: Matrix<Double>?,
    _ found: [Matrix<Double>],
    of y: (NaiveLayers, Matrix<Double>) throws -> Matrix<Double>
  ) throws {
    var generator = SeededGenerator(seed: 29)
    // The error of a difference: step² of the third derivative, and sums' rounding 1e-15 divided by the step.
    let (step, bound) = (1e-5, Bound.relative(1e-7))
    func slope(_ move: (Double) -> (NaiveLayers, Matrix<Double>)) throws -> Double {
      func value(_ step: Double) throws -> Double {
        let (layers, x) = move(step)
        return zip(try y(layers, x).elements, d.elements).reduce(0) { $0 + $1.0 * $1.1 }
      }
      return (try value(step) - value(-step)) / (2 * step)
    }
    func compare(_ gradient: Matrix<Double>, _ name: String, _ slope: (Int) throws -> Double) throws
    {
      let places = (0..<4).map { _ in generator.index(below: gradient.elements.count) }
      let expected = try places.map(slope)
      let scale = max(1, gradient.elements.map(abs).max() ?? 0)
      expectClose(
        places.map { gradient.elements[$0] / scale } + [1], expected.map { $0 / scale } + [1],
        bound: bound, "\(name)")
    }
    let layers = try NaiveLayers(model)
    try compare(#require(dx), "input") { place in
      try slope { step in
        var moved = x
        moved[place / x.columns, place % x.columns] += step
        return (layers, moved)
      }
    }
    for (index, gradient) in found.enumerated() where gradient.elements.contains(where: { $0 != 0 })
    {
      try compare(gradient, model.adapter.layout.blocks[index].name) { place in
        try slope { step in
          var moved = layers
          let columns = moved.parameters[index].columns
          moved.parameters[index][place / columns, place % columns] += step
          return (moved, x)
        }
      }
    }
  }

  /// A pass over a model's texts that takes the sum of their gradients.
  private func pass(_ model: ComputedModel) throws -> LayerPass<Double> {
    let transformer = try model.transformer(Double.self)
    return transformer.pass(
      TextBatch(texts: model.texts[...], firstToken: 0),
      rotation: transformer.rotation(positions: 32),
      gradients: AdapterGradients(layout: model.adapter.layout, textCount: nil))
  }

  @Test("attention: grouped queries, rotation, joined maps", arguments: ComputedModel.families)
  func attention(family: String) throws {
    let model = try ComputedModel(family)
    let attention = try model.transformer(Double.self).layer(1).attention
    var pass = try pass(model)
    let (x, d) = (numbers(model, seed: 1), numbers(model, seed: 2))
    func naive(_ layers: NaiveLayers, _ x: Matrix<Double>) throws -> Matrix<Double> {
      try each(model, x) { try layers.attention(layers.architecture.layer(1), $0) }
    }
    let (y, saved) = attention.forward(x, pass, kept: nil)
    expectClose(y, try naive(NaiveLayers(model), x), bound: bound)
    let dx = attention.backward(d, saved, &pass, kept: nil, needsInput: true)
    try compareSlopes(
      model, d, at: x, dx: dx, #require(pass.gradients).rows, of: naive)
  }

  @Test("the feed-forward part: both kinds of gelu, swiglu", arguments: ComputedModel.families)
  func feedForward(family: String) throws {
    let model = try ComputedModel(family)
    let feedForward = try model.transformer(Double.self).layer(1).feedForward
    var pass = try pass(model)
    let (x, d) = (numbers(model, seed: 3), numbers(model, seed: 4))
    func naive(_ layers: NaiveLayers, _ x: Matrix<Double>) throws -> Matrix<Double> {
      Matrix(lists: try layers.feedForward(layers.architecture.layer(1), x.lists))
    }
    let (y, saved) = feedForward.forward(x, pass)
    expectClose(y, try naive(NaiveLayers(model), x), bound: bound)
    let dx = feedForward.backward(d, saved, &pass, needsInput: true)
    try compareSlopes(
      model, d, at: x, dx: dx, #require(pass.gradients).rows, of: naive)
  }

  @Test("normalizations, centered or not", arguments: ComputedModel.families)
  func normalization(family: String) throws {
    let model = try ComputedModel(family)
    let norm = try model.transformer(Double.self).layer(0).feedForwardNorm
    let (x, d) = (numbers(model, seed: 5), numbers(model, seed: 6))
    func naive(_ layers: NaiveLayers, _ x: Matrix<Double>) throws -> Matrix<Double> {
      Matrix(lists: try layers.norm(layers.architecture.layer(0).feedForwardNorm, x.lists))
    }
    let (y, saved) = norm.forward(x)
    expectClose(y, try naive(NaiveLayers(model), x), bound: bound)
    // The gradient is added to what came another way.
    let other = numbers(model, seed: 7)
    var sum = other
    norm.backward(d, saved, addingTo: &sum)
    try compareSlopes(model, d, at: x, dx: Naive.sum(sum, other, scale: -1), [], of: naive)
  }

  @Test(
    "a whole layer, of all tokens or of those that are asked for",
    arguments: ComputedModel.families, [false, true])
  func wholeLayer(family: String, asked: Bool) throws {
    let model = try ComputedModel(family)
    let layer = try model.transformer(Double.self).layer(1)
    var pass = try pass(model)
    let kept = asked ? TextBatch(texts: model.texts[...], firstToken: 0).keptRows : nil
    let (x, all) = (numbers(model, seed: 8), numbers(model, seed: 9))
    func chosen(_ all: Matrix<Double>) -> Matrix<Double> {
      kept.map { all.selecting(rows: $0.rows) } ?? all
    }
    func naive(_ layers: NaiveLayers, _ x: Matrix<Double>) throws -> Matrix<Double> {
      chosen(try each(model, x) { try layers.layer(1, $0) })
    }
    let (y, saved) = layer.forward(x, pass, kept: kept)
    expectClose(y, try naive(NaiveLayers(model), x), bound: bound)
    let dx = layer.backward(chosen(all), saved, &pass, kept: kept, needsInput: true)
    try compareSlopes(
      model, chosen(all), at: x, dx: dx, #require(pass.gradients).rows, of: naive)
  }

  @Test("embeddings of tokens, positions and types", arguments: ComputedModel.families)
  func embeddings(family: String) throws {
    let model = try ComputedModel(family)
    let transformer = try model.transformer(Double.self)
    var texts = model.texts
    // RoBERTa's padding takes no position.
    let padding = family == "roberta" ? 1 : nil
    if let padding { texts[2].tokens[3] = padding }
    let pass = transformer.pass(
      TextBatch(texts: texts[...], firstToken: 0), rotation: nil, gradients: nil)
    let found = try transformer.embeddings().forward(
      ids: texts.flatMap(\.tokens),
      typeIDs: texts.flatMap { text in
        text.types.isEmpty ? text.tokens.map { _ in 0 } : text.types
      }, pass)
    let layers = try NaiveLayers(model)
    let expected = try texts.flatMap { try layers.embeddings($0, padding: padding) }
    expectClose(found, Matrix(lists: expected), bound: bound)
  }

  @Test("the head of labels, with the classifier's gradient", arguments: ["bert", "roberta"])
  func labelHead(family: String) throws {
    let model = try ComputedModel(family)
    let transformer = try model.transformer(Double.self)
    let head = try #require(try transformer.labelHead())
    let batch = TextBatch(texts: model.texts[...], firstToken: 0)
    let x = numbers(model, seed: 10).selecting(rows: Array(0..<model.texts.count))
    func naive(_ layers: NaiveLayers, _ x: Matrix<Double>) throws -> Matrix<Double> {
      Matrix(lists: try layers.labels(x.lists))
    }
    var pass = try pass(model)
    let (y, dx, d) = pass.lendGradients(to: pass.keeping(batch.keptRows)) { pass in
      let (y, saved) = head.forward(x, pass)
      var generator = SeededGenerator(seed: 11)
      let d = Matrix<Double>.normal(y.rows, y.columns, using: &generator)
      return (y, head.backward(d, saved, &pass, needsInput: true), d)
    }
    expectClose(y, try naive(NaiveLayers(model), x), bound: bound)
    try compareSlopes(
      model, d, at: x, dx: dx, #require(pass.gradients).rows, of: naive)
  }

  @Test(
    "measures of the next token, some rows of logits at a time",
    arguments: ["llama", "qwen2", "gpt2"], LogitMeasure.allCases)
  func nextTokenHead(family: String, measure: LogitMeasure) throws {
    let model = try ComputedModel(family)
    var head = try #require(try model.transformer(Double.self).nextTokenHead())
    head.rowsAtOnce = 9
    var generator = SeededGenerator(seed: 12)
    // The last part has 3 rows.
    let x = Matrix<Double>.normal(
      30, model.checkpoint.configuration.hiddenSize, using: &generator)
    let targets = (0..<x.rows).map { _ in Int32(generator.index(below: 40)) }
    let weights = (0..<x.rows).map { _ in generator.normal() }
    func naive(_ layers: NaiveLayers, _ x: Matrix<Double>) throws -> Matrix<Double> {
      let values = try zip(layers.nextTokens(x.lists), targets).map { logits, target in
        let own = logits[Int(target)]
        let other = logits.reduce(0) { $0 + ($1 == own ? 0 : Double.exp($1)) }
        switch measure {
        case .loss: return Double.log(other + Double.exp(own)) - own
        case .margin: return own - Double.log(other)
        case .logit: return own
        }
      }
      return Matrix(rows: x.rows, columns: 1, elements: values)
    }
    let layers = try NaiveLayers(model)
    expectClose(head.logits(x), Matrix(lists: try layers.nextTokens(x.lists)), bound: bound)
    let (values, dx) = head.measures(
      measure, of: x, targets: targets, weights: weights, needsGradient: true)
    expectClose(values, try naive(layers, x).elements, bound: bound)
    try compareSlopes(
      model, Matrix(rows: x.rows, columns: 1, elements: weights), at: x, dx: dx, [],
      of: naive)
  }
}
