import Data
import Foundation
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

import Transformers

/// Models of real weights against transformers in single precision; see `scripts/oracles/real_models.py`.
@Suite("Real models answer as transformers have them answer")
struct RealModelTests {
  /// Sums of some thousand products, some hundred operations deep, each rounded to 6e-8 on both sides.
  private let tolerance = 1e-4

  private func expected() throws -> SafetensorsFile {
    try SafetensorsFile(opening: fixture("real-models.safetensors"))
  }

  /// The column of the largest number of each row.
  private func likeliest<Element: Scalar>(_ logits: Matrix<Element>) -> [Int] {
    (0..<logits.rows).map { row in
      let values = Array(logits[row: row])
      return values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 }
    }
  }

  private let untrained = Adapter(modules: [], tensors: [], parameters: [])

  @Test(
    "SmolLM2 from its GGUF file",
    .enabled(if: FetchedModels.smolLM2 != nil, FetchedModels.absent))
  func smolLM2() throws {
    let checkpoint = try Checkpoint(opening: #require(FetchedModels.smolLM2))
    let model = try LanguageModel(checkpoint, adapter: untrained)
    let expected = try expected()
    for index in 0..<2 {
      let tokens = try #require(try expected.integers("smollm2.\(index).tokens"))
      let text = TokenSequence(tokens: tokens, goal: .tokens(from: 1))
      let logits = Matrix<Double>(converting: try model.logits(of: text))
      #expect(logits.columns == 49_152)
      let every = 128
      let some = Matrix(
        rows: logits.rows, columns: logits.columns / every,
        elements: stride(from: 0, to: logits.elements.count, by: every).map { logits.elements[$0] })
      #expect(relativeError(some, try expected.matrix("smollm2.\(index).logits")) < tolerance)
      let norms = (0..<logits.rows).map { Naive.norm(Array(logits[row: $0])) }
      expectClose(
        norms, try expected.matrix("smollm2.\(index).norms", as: Double.self).elements,
        bound: .relative(tolerance))
      #expect(try likeliest(logits) == #require(try expected.integers("smollm2.\(index).next")))
      expectClose(
        try model.losses(of: [text]),
        try expected.matrix("smollm2.\(index).loss", as: Double.self).elements,
        bound: .relative(tolerance))
    }
    let tokenizer = try checkpoint.tokenizer()
    let question = try tokenizer.encode("The capital of France is").ids
    let answer = try model.continuation(of: question, count: 1).tokens
    #expect(try tokenizer.decode(answer) == " Paris")
  }

  @Test(
    "MiniLM from its folder, with a classifier drawn at random",
    .enabled(if: FetchedModels.miniLM != nil, FetchedModels.absent))
  func miniLM() throws {
    let checkpoint = try Checkpoint(opening: #require(FetchedModels.miniLM))
    let tokenizer = try checkpoint.tokenizer()
    let expected = try expected()
    let weight = try expected.matrix("classifier.weight", as: Float.self)
    let bias = try expected.matrix("classifier.bias", as: Float.self)
    let classifier = Adapter(
      modules: [],
      tensors: [
        Adapter.Tensor(name: "classifier.weight", shape: [2, 384]),
        Adapter.Tensor(name: "classifier.bias", shape: [2]),
      ], parameters: [weight, Matrix(rows: 2, columns: 1, elements: bias.elements)])
    let model = try LanguageModel(checkpoint, adapter: classifier)
    let configuration = checkpoint.configuration
    let transformer = Transformer<Float>(
      configuration: configuration, architecture: checkpoint.family.architecture(configuration),
      weights: try ModelWeights(checkpoint, keeping: []), adapter: AdapterParameters(classifier))
    let encoded = [
      try tokenizer.encode("A touching, if flawed, movie."),
      try tokenizer.encode("How old is it?", pair: "Nobody knows its age."),
    ]
    for (index, encoding) in encoded.enumerated() {
      #expect(try encoding.ids == #require(try expected.integers("minilm.\(index).tokens")))
      #expect(try encoding.typeIDs == #require(try expected.integers("minilm.\(index).types")))
      let text = TokenSequence(tokens: encoding.ids, types: encoding.typeIDs, goal: .label(0))
      let hidden = try transformer.hiddenStates(
        TextBatch(texts: [text], firstToken: 0), rotation: nil)
      #expect(
        relativeError(
          Matrix(converting: hidden), try expected.matrix("minilm.\(index).hidden")) < tolerance)
      let logits = Matrix<Double>(converting: try model.logits(of: text))
      #expect(relativeError(logits, try expected.matrix("minilm.\(index).logits")) < tolerance)
    }
  }

  /// What transformers made of it stands beside the checkpoint.
  @Test(
    "the tiny Llama of the shared data",
    .enabled(if: SharedData.has("data/tiny-llama"), SharedData.absent))
  func tinyLlama() throws {
    let folder = try #require(SharedData.url("data/tiny-llama"))
    let expected = try OrderedJSON(contentsOf: folder.appending(path: "expected.json"))
    let ids = try #require(expected["greedy_ids"]?.array).compactMap(\.integer)
    let last = try #require(expected["prefix24_last_logits"]?.array).compactMap(\.number)
    let loss = try #require(expected["prefix24_mean_next_token_nll"]?.number)
    #expect(ids.count == 257 && last.count == 512)
    let model = try LanguageModel(Checkpoint(opening: folder), adapter: untrained)
    let text = TokenSequence(tokens: Array(ids.prefix(24)), goal: .tokens(from: 1))
    let logits = try model.logits(of: text)
    // The file has six digits behind the point.
    expectClose(Array(logits[row: 23]), last, bound: .relative(tolerance))
    expectClose(try model.losses(of: [text]), [loss], bound: .relative(tolerance))
    #expect(try model.continuation(of: [1], count: 48).tokens == Array(ids[1...48]))
    // The rest at once: each token is the likeliest after those before it.
    let all = try model.logits(of: TokenSequence(tokens: ids, goal: .tokens(from: 1)))
    #expect(likeliest(all).dropLast() == ids.dropFirst())
    let tokenizer = try Checkpoint(opening: folder).tokenizer()
    #expect(try tokenizer.decode(ids) == expected["greedy_text"]?.string)
  }
}
