import Foundation
import InfluenceKit
import OrderedCollections
import Testing

/// The experiment on ensembles of a language model's gradients, on a model of random weights.
@Suite("Experiment language-ensemble")
struct LanguageEnsembleTests {
  private let place: Workplace

  init() throws {
    place = try Workplace()
    try TinyModels.writeBERT(to: "bert", in: place)
    try place.write(try TinyModels.reviews(40, seed: 1), to: "train.jsonl")
    try place.write(try TinyModels.reviews(24, seed: 2), to: "query.jsonl")
    try place.write(
      """
      experiment: language-ensemble
      seeds: 1
      members: [1, 3]
      max-rates: [0.000001, 0.5]
      draws: 2
      reference: 3
      methods: [hessian-free, datainf]
      trim: 0.2
      trim-seeds: 1
      random-draws: 1
      rank: 2
      data: {set: file, training-file: train.jsonl, held-out-file: query.jsonl, text: sentence, training: 40, validation: 12, test: 12, max-length: 16}
      model: {folder: bert, epochs: 2, batch: 8, learning-rate: 1e-2}
      """, to: "e.yaml")
  }

  private func run() throws -> OrderedJSON {
    try place.run([
      "experiment", "run", "e.yaml", "--output", "run", "--quiet", "--quick",
    ])
    return try OrderedJSON(contentsOf: place.file("run/results.json"))
  }

  @Test(
    "One model is member 0 of every ensemble; tiny rates change nothing, large ones and other seeds do"
  )
  func cells() throws {
    let cells = try #require(try run()["cells"]?.object)
    #expect(
      cells.keys.elements == [
        "seed-0/baselines", "seed-0/rate-1e-06", "seed-0/rate-0.5", "seed-0/trained",
      ])
    let base = try #require(cells["seed-0/baselines"])
    #expect(base["flipped"]?.array?.count == 8)
    for method in ["hessian-free", "datainf"] {
      #expect(base["scores"]?[method]?.array?.count == 40)
      func auc(_ source: String, _ size: Int) throws -> Double {
        try #require(
          cells["seed-0/\(source)"]?["methods"]?[method]?["ensembles"]?.array?[size]["auc"]?.number)
      }
      let one = try auc("trained", 0)
      for source in ["rate-1e-06", "rate-0.5"] {
        #expect(try auc(source, 0) == one, "\(source)")
      }
      // Hardly a number is dropped.
      #expect(abs(try auc("rate-1e-06", 1) - one) < 0.02)
      func spearman(_ source: String) throws -> Double {
        try #require(
          cells["seed-0/\(source)"]?["methods"]?[method]?["ensembles"]?.array?[1]["spearman"]?
            .number)
      }
      #expect(try spearman("rate-1e-06") > 0.999)
      for source in ["rate-0.5", "trained"] {
        #expect(try spearman(source) < 0.9999, "\(source)")
      }
    }
    // The library's ensemble has the same mean.
    let difference = try #require(cells["seed-0/rate-0.5"]?["ensemble_difference"]?.number)
    #expect(difference < 1e-4)
    let costs = try OrderedJSON(contentsOf: place.file("run/costs.json"))
    let seconds = try #require(
      costs["cells"]?["seed-0/trained"]?["one member seconds"]?.number)
    #expect(seconds > 0)
  }

  @Test(
    "Settings that make no sense are refused, with their place",
    arguments: [
      ("members=[2, 3]", "members"), ("data.flip=0", "flip"), ("max-rates=[0.1, 0.1]", "max-rates"),
    ])
  func refusals(setting: String, key: String) throws {
    let failed = try place.run([
      "experiment", "run", "e.yaml", "--output", "run", "--set", setting,
    ])
    #expect(failed.status != 0 && failed.errors.contains(key), "\(failed)")
  }
}
