import Data
import Evaluation
import Gradients
import LinearAlgebra
import Models
import TestSupport
import Testing

import Transformers

/// Texts of a fixture: the first four learn, the same ask in another order.
private struct FewTexts: ExampleSource {
  let texts: [TokenSequence]

  func parts(seed: UInt64) throws -> ExampleParts<[TokenSequence]> {
    ExampleParts(training: texts, validation: texts.reversed())
  }
}

@Suite("A task of texts and a language model")
struct TextTaskTests {
  private func task(
    _ family: String
  ) throws -> TrainingTask<FewTexts, FineTunedModel> {
    let computed = try ComputedModel(family)
    let settings = FineTuningSettings(epochs: 2, batchSize: 2, learningRate: 0.02, warmup: 0)
    return TrainingTask(
      FewTexts(texts: computed.texts),
      FineTunedModel(
        try LanguageModel(computed.checkpoint, adapter: computed.adapter), settings: settings))
  }

  @Test("is trained again without rows as by hand", arguments: ["bert", "gpt2"])
  func retraining(_ family: String) throws {
    let trained = try task(family).trained(seed: 5)
    let (texts, queries) = (trained.parts.training, trained.parts.validation)
    let rows = [0, 1, 3]
    let outcome = try trained.retraining().outcome(of: TrainingRun(rows: rows, seed: 5))
    var model = try LanguageModel(
      trained.model.model.checkpoint, adapter: ComputedModel(family).adapter)
    var settings = trained.model.settings
    settings.seed = 5
    _ = try model.fineTune(on: rows.map { texts[$0] }, settings: settings)
    #expect(try outcome.losses == model.losses(of: queries))
    #expect(try outcome.losses != trained.model.losses(of: queries))
    let all = try trained.retraining().outcome(of: TrainingRun(rows: [0, 1, 2, 3], seed: 5))
    #expect(try all.losses == trained.model.losses(of: queries))
    if model.labelCount == nil {
      #expect(outcome.margins.isEmpty && outcome.predictions.isEmpty)
    } else {
      let margins = try model.measures(.margin, of: queries)
      // Logits in single precision, of size 10 at most.
      #expect(zip(outcome.margins, margins).allSatisfy { abs($0 - $1) < 1e-5 })
      #expect(try outcome.predictions == model.classes(of: queries))
      let labels = try trained.answers(to: queries).labels
      #expect(queries.map(\.goal) == labels.map { .label($0) })
      #expect(
        try trained.accuracies(after: [rows], seeds: [5]) == [outcome.accuracy(labels: labels)])
    }
  }

  @Test("has the gradients of every text, whatever the batches that the model makes")
  func gradients() throws {
    let trained = try task("llama").trained(seed: 1)
    let model = trained.model
    // More tokens than go through the model at a time.
    let texts = (0..<100).map { trained.parts.training[$0 % 4] }
    #expect(texts.reduce(0) { $0 + $1.tokens.count } > 512)
    let store = try TrainedTask(
      model, on: ExampleParts(training: texts, validation: texts), seed: 1
    ).gradients().training
    let few = try trained.gradients().training
    for block in few.layout.blocks.indices {
      let rows = Matrix(try store.rows(0..<100, of: block, as: Float.self))
      let expected = Matrix(try few.rows(0..<4, of: block, as: Float.self))
      #expect(expected.elements.contains { $0 != 0 })
      for row in 0..<100 {
        let (found, known) = (Array(rows[row: row]), Array(expected[row: row % 4]))
        #expect(zip(found, known).allSatisfy { abs($0 - $1) <= 1e-4 * max(1, abs($1)) })
      }
    }
  }

  @Test("names kept outcomes by all that they depend on")
  func kept() throws {
    let folder = try TemporaryDirectory(inMemory: ())
    let cache = try TruthCache(folder: folder.url)
    let run = TrainingRun(rows: [0, 2], seed: 1)
    func computes(_ model: FineTunedModel, _ texts: [TokenSequence]) throws -> Bool {
      let retraining = try Retraining(of: model, on: texts, queries: texts)
      return try retraining.results(of: [run], cache: cache).computed == 1
    }
    let trained = try task("bert").trained(seed: 1)
    let (model, texts) = (trained.model, trained.parts.training)
    #expect(try computes(model, texts))
    #expect(try !computes(task("bert").trained(seed: 2).model, texts))
    var settings = model.settings
    settings.seed = 8
    let start = try LanguageModel(
      model.model.checkpoint, adapter: ComputedModel("bert").adapter)
    #expect(try !computes(FineTunedModel(start, settings: settings), texts))
    settings.epochs = 1
    #expect(try computes(FineTunedModel(start, settings: settings), texts))
    // Another adapter to begin with, and another share that is dropped.
    #expect(try computes(FineTunedModel(model.model, settings: settings), texts))
    var dropping = start
    dropping.adapterDropout = 0.5
    #expect(try computes(FineTunedModel(dropping, settings: settings), texts))
    var others = texts
    others[1].goal = .label(0)
    #expect(others != texts)
    #expect(try computes(model, others))
    #expect(texts.fingerprint != others.fingerprint)
    #expect([texts[0], texts[1]].fingerprint != [texts[1], texts[0]].fingerprint)
  }
}
