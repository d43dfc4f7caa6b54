import Foundation
import InfluenceKit
import OrderedCollections
import Testing

/// The experiment on adapters of language models, on a model of random weights.
@Suite("Experiment lora-classification")
struct LoRAClassificationTests {
  private let place: Workplace

  init() throws {
    place = try Workplace()
    try TinyModels.writeBERT(to: "bert", in: place)
    try place.write(try TinyModels.reviews(52, seed: 1), to: "train.jsonl")
    try place.write(try TinyModels.reviews(30, seed: 2), to: "query.jsonl")
    try place.write(
      """
      experiment: lora-classification
      seeds: 2
      methods: [hessian-free, block-normalized, datainf, ekfac, hyperinf, cosine]
      dampings: [1, 0.1]
      ranks: [1, 2]
      targets: [value, query-value]
      neighbours: 5
      data: {set: file, training-file: train.jsonl, held-out-file: query.jsonl, text: sentence, training: 26, validation: 8, test: 7, max-length: 16}
      model: {folder: bert, epochs: 2, learning-rate: 1e-2}
      """, to: "e.yaml")
  }

  private func run(_ overrides: String...) throws -> OrderedJSON {
    try place.succeed(
      ["experiment", "run", "e.yaml", "--output", "run", "--quiet", "--quick"]
        + overrides.flatMap { ["--set", $0] })
    return try OrderedJSON(contentsOf: place.file("run/results.json"))
  }

  @Test("Each adapter at each damping is held against exact")
  func cells() throws {
    let results = try run()
    let cells = try #require(results["cells"]?.object)
    #expect(cells.count == 8)
    // Two layers of pairs 16 → r → 16, and a classifier of two classes.
    for (name, columns) in [
      ("value/rank-1", 98), ("value/rank-2", 162), ("query-value/rank-2", 290),
    ] {
      #expect(cells["seed-1/\(name)"]?["columns"]?.number == Double(columns), "\(name)")
    }
    for (name, cell) in cells {
      #expect(cell["wrong_labels"]?.number == 5 && cell["examples"]?.number == 26)
      let dampings = try #require(cell["dampings"]?.array)
      #expect(dampings.map { $0["damping"]?.number } == [1, 0.1])
      func value(_ damping: Int, _ method: String, _ key: String) throws -> Double {
        try #require(
          dampings[damping]["methods"]?[method]?[key]?.number, "\(name) \(method) \(key)")
      }
      for damping in 0..<2 {
        #expect(abs(try value(damping, "exact", "pearson") - 1) < 1e-6)
        // One matrix times one number for each block: the same order of texts in a block.
        for method in ["hessian-free", "block-normalized", "datainf", "ekfac", "hyperinf"] {
          #expect((-1...1).contains(try value(damping, method, "pearson")))
          for key in ["harm_auc", "normalized_auc", "self_auc"] {
            #expect((0...1).contains(try value(damping, method, key)))
          }
        }
        #expect(dampings[damping]["methods"]?["cosine"]?["self_auc"] == .null)
      }
      // What has no damping ranks the same under all.
      for method in ["hessian-free", "block-normalized", "cosine"] {
        #expect(try value(0, method, "harm_auc") == value(1, method, "harm_auc"))
      }
      // A heavier damping is nearer to a multiple of the identity in each block.
      #expect(
        try value(0, "block-normalized", "pearson") >= value(1, "block-normalized", "pearson")
          - 1e-3)
      #expect(cell["baselines"]?.object?.keys.elements == ["training loss", "neighbours"])
    }
    let summary = try String(contentsOf: place.file("run/summary.md"), encoding: .utf8)
    #expect(!summary.contains("Seeds share examples"))
    #expect(place.has("run/pictures/pearson.svg"))
  }

  @Test("Differences have the chance of Student's test, corrected by Holm for all of them")
  func differences() throws {
    let results = try run("ranks=[1]", "targets=[value]")
    let lines = try String(contentsOf: place.file("run/tables/differences.csv"), encoding: .utf8)
      .split(whereSeparator: \.isNewline).map {
        $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      }
    let head = lines[0]
    func column(_ name: String) throws -> Int { try #require(head.firstIndex(of: name)) }
    let rows = lines.dropFirst()
    #expect(rows.count == 4 * 2)
    var chances: [Double] = []
    var corrected: [Double] = []
    for row in rows {
      let key = row[try column("of")] == "Pearson" ? "pearson" : "harm_auc"
      let place = try #require(Double(row[try column("damping")])) == 1 ? 0 : 1
      func value(_ seed: Int, _ method: String) throws -> Double {
        try #require(
          results["cells"]?["seed-\(seed)/value/rank-1"]?["dampings"]?.array?[place]["methods"]?[
            method]?[key]?.number)
      }
      let differences = try (0..<2).map {
        try value($0, row[try column("method")]) - value($0, row[try column("over")])
      }
      let mean = (differences[0] + differences[1]) / 2
      // Two values: s/√2 is half of their distance, and one degree of freedom is Cauchy's distribution.
      let error = abs(differences[0] - differences[1]) / 2
      let chance = error > 0 ? 1 - 2 / Double.pi * atan(abs(mean) / error) : (mean == 0 ? 1 : 0)
      let shown = try #require(Double(row[try column("chance")]))
      #expect(abs(shown - chance) < 1e-9)
      chances.append(shown)
      corrected.append(try #require(Double(row[try column("corrected")])))
    }
    // Holm by its definition: of the chances that are not smaller.
    for (index, value) in corrected.enumerated() {
      let smaller = chances.indices.filter { chances[$0] <= chances[index] }
      let expected = smaller.map { other in
        min(1, Double(chances.count(where: { $0 >= chances[other] })) * chances[other])
      }.max()
      #expect(abs(value - (expected ?? 1)) < 1e-9)
    }
  }

  @Test("Seeds that must share examples are said to")
  func sharing() throws {
    _ = try run("seeds=3", "ranks=[1]", "targets=[value]", "methods=[hessian-free]")
    #expect(
      try String(contentsOf: place.file("run/summary.md"), encoding: .utf8).contains("enough for 2")
    )
  }

  @Test(
    "What cannot be done is refused before any work",
    arguments: [
      ("model.folder=query.jsonl", "GGUF"), ("data.training=53", "ask for fewer"),
      ("data.flip=0", "0 of 26"), ("methods=[exact]", "leave it out"),
      ("methods=[exact-hessian]", "second derivatives"), ("data.max-length=17", "16 tokens"),
      ("data.set=sst2", "data.folder"), ("ranks=[1, 1]", "given twice"),
      ("data.validation=24", "ask for fewer"), ("ranks=[0]", "ranks"),
    ])
  func refused(override: String, part: String) throws {
    let outcome = try place.run(
      ["experiment", "run", "e.yaml", "--output", "run", "--quiet", "--set", override])
    #expect(outcome.status != 0)
    #expect(outcome.errors.contains(part), "\(outcome.errors)")
    #expect(!place.has("run"))
  }

  @Test("A model that says the next token is refused")
  func languageModel() throws {
    try TinyModels.writeLlama(to: "llama", in: place)
    let outcome = try place.run(
      ["experiment", "run", "e.yaml", "--output", "run", "--set", "model.folder=llama"])
    #expect(outcome.status != 0 && outcome.errors.contains("BERT or RoBERTa"))
  }
}
