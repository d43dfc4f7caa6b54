import Foundation
import InfluenceKit
import OrderedCollections
import Testing

/// The experiment on what methods cost on a language model's adapters, on a model of random weights.
@Suite("Experiment memory-and-time")
struct MemoryAndTimeTests {
  private let place: Workplace

  init() throws {
    place = try Workplace()
    try TinyModels.writeBERT(to: "bert", in: place)
    try place.write(try TinyModels.reviews(24, seed: 1), to: "train.jsonl")
    try place.write(try TinyModels.reviews(12, seed: 2), to: "query.jsonl")
    try place.write(
      """
      experiment: memory-and-time
      seeds: 1
      methods: [hessian-free, ekfac, less]
      examples: [12, 24]
      layers: [1, 2]
      ranks: [1, 2]
      fixed: {examples: 12, layers: 1, rank: 1}
      repeats: 1
      data: {set: file, training-file: train.jsonl, held-out-file: query.jsonl, text: sentence, training: 24, validation: 6, test: 2, max-length: 16}
      model: {folder: bert, epochs: 1, learning-rate: 1e-2}
      """, to: "e.yaml")
  }

  @Test("Every axis has its shapes, operations and measurements")
  func cells() throws {
    try place.succeed(["experiment", "run", "e.yaml", "--output", "run", "--quiet"])
    let results = try OrderedJSON(contentsOf: place.file("run/results.json"))
    let costs = try OrderedJSON(contentsOf: place.file("run/costs.json"))
    let cells = try #require(results["cells"]?.object)
    #expect(cells.count == 6)
    for (name, examples, columns) in [
      ("examples-24", 24.0, 66.0), ("layers-1", 12, 66), ("layers-2", 12, 98), ("ranks-2", 12, 98),
    ] {
      // A pair 16 → r → 16 for each layer, and a classifier of two classes.
      let cell = try #require(cells["seed-0/\(name)"])
      #expect(cell["n"]?.number == examples, "\(name)")
      #expect(cell["d"]?.number == columns, "\(name)")
      #expect(cell["m"]?.number == 6)
      for method in ["hessian-free", "datainf, query side", "exact, score side"] {
        #expect(try #require(cell["operations"]?[method]?.number) > 0)
      }
      let measured = try #require(costs["cells"]?["seed-0/\(name)"]?.object)
      // Methods, two of them on two sides, and two stages.
      #expect(measured.count == 3 + 2 * 2 + 2)
      for (method, cost) in measured {
        #expect(cost["seconds"]?.array?.count == 1, "\(method)")
        #expect((cost["seconds"]?.array?.first?.number ?? 0) > 0, "\(method)")
      }
    }
    #expect(place.has("run/pictures/times.svg"))
  }

  @Test(
    "Sizes that there are not are refused, with their place",
    arguments: ["examples=[12, 25]", "layers=[1, 3]", "fixed.examples=25", "fixed.layers=3"])
  func refusals(setting: String) throws {
    let failed = try place.run([
      "experiment", "run", "e.yaml", "--output", "run", "--set", setting,
    ])
    #expect(failed.status != 0 && failed.errors.contains("are more than"), "\(failed)")
  }
}
