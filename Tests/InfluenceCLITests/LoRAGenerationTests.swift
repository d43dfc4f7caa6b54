import Foundation
import InfluenceKit
import OrderedCollections
import Testing

/// The experiment on language models that go on with texts, on a model of random weights.
@Suite("Experiment lora-generation")
struct LoRAGenerationTests {
  private let place: Workplace

  init() throws {
    place = try Workplace()
    try TinyModels.writeLlama(to: "llama", in: place, positions: 256, hasASCII: true)
    try place.write(
      """
      experiment: lora-generation
      seeds: 2
      methods: [hessian-free, block-normalized, datainf, exact, ekfac, cosine]
      costly-methods: [ekfac-cg]
      dampings: [1, 0.1]
      losses: [answer, all, prompt]
      ensemble: {methods: [hessian-free, datainf], members: 2, dropout: 0.3}
      data: {sets: [own-sentences, own-unnamed], training: 3, queries: 1, max-length: 256}
      model: {folder: llama, rank: 2, epochs: 1, batch: 10, learning-rate: 1e-2}
      """, to: "e.yaml")
  }

  private func run(_ overrides: String..., more: [String] = []) throws -> OrderedJSON {
    try place.succeed(
      ["experiment", "run", "e.yaml", "--output", "run", "--quiet", "--quick"] + more
        + overrides.flatMap { ["--set", $0] })
    return try OrderedJSON(contentsOf: place.file("run/results.json"))
  }

  @Test("Every method at each damping, ensembles and baselines are measured for each loss")
  func cells() throws {
    let results = try run()
    let cells = try #require(results["cells"]?.object)
    #expect(
      cells.keys.elements
        == ["own-sentences", "own-unnamed"].flatMap { set in
          [0, 1].map { "seed-\($0)/\(set)" }
        }.sorted())
    for (name, cell) in cells {
      #expect(cell["examples"]?.number == 30 && cell["queries"]?.number == 10)
      // Two layers, each 16 → 2 → 16 for queries and 16 → 2 → 8 for values: 64 + 48.
      #expect(cell["columns"]?.number == 224)
      let losses = try #require(cell["losses"]?.array)
      #expect(losses.map { $0["loss"]?.string } == ["answer", "all", "prompt"])
      for loss in losses {
        func found(_ part: String, _ method: String, _ damping: Int? = nil) throws -> [Double] {
          let entry = try #require(loss[part]?[method], "\(name) \(method)")
          let json = try #require(damping.map { entry.array?[$0] } ?? entry)
          return try ["auc", "auc_deviation", "recall", "recall_deviation"].map {
            try #require(json[$0]?.number)
          }
        }
        for method in ["block-normalized", "datainf", "exact", "ekfac"] {
          let isScaled = method == "block-normalized"
          #expect(loss["methods"]?[method]?.array?.count == 2, "\(method)")
          for damping in 0..<2 {
            #expect(try found("methods", method, damping).allSatisfy { (0...1).contains($0) })
          }
          // λ scales all blocks alike.
          if isScaled {
            #expect(try found("methods", method, 0) == found("methods", method, 1))
          }
        }
        for method in ["hessian-free", "cosine", "ekfac-cg"] {
          #expect(loss["methods"]?[method]?.array?.count == 1)
        }
        // Another road to the same scores; where two are nearly equal, they may change places.
        #expect(
          try abs(found("methods", "ekfac-cg", 0)[0] - found("methods", "exact", 0)[0]) < 0.01)
        #expect(loss["baselines"]?.object?.keys.elements == ["bm25", "similarity"])
        #expect(loss["ensemble"]?.object?.keys.elements == ["hessian-free", "datainf"])
        if name.hasSuffix("own-unnamed"), loss["loss"]?.string == "prompt" {
          // All kinds have the same prompts, so that words of prompts say nothing.
          #expect(try abs(found("baselines", "bm25")[0] - 0.5) < 1e-12)
        }
        let (before, after) = (
          try #require(loss["untrained_query_loss"]?.number),
          try #require(loss["query_loss"]?.number)
        )
        #expect(after != before && after.isFinite && before > 0)
      }
    }
    for picture in ["auc", "recall"] { #expect(place.has("run/pictures/\(picture).svg")) }
  }

  @Test("Each difference is that of its two methods, seed by seed")
  func differences() throws {
    let results = try run("data.sets=[own-unnamed]", "losses=[all]")
    let lines = try String(contentsOf: place.file("run/tables/differences.csv"), encoding: .utf8)
      .split(whereSeparator: \.isNewline).map {
        $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      }
    let head = lines[0]
    func column(_ name: String) throws -> Int { try #require(head.firstIndex(of: name)) }
    // AUC and recall: DataInf over four methods and the words, EK-FAC over two, the last layer over EK-FAC.
    #expect(lines.count == 1 + 2 * 8)
    for row in lines.dropFirst() {
      let key = row[try column("of")].lowercased()
      func value(_ seed: Int, _ method: String) throws -> Double {
        let loss = try #require(
          results["cells"]?["seed-\(seed)/own-unnamed"]?["losses"]?.array?[0])
        let entry = loss["methods"]?[method]?.array?[0] ?? loss["baselines"]?[method]
        return try #require(entry?[key]?.number)
      }
      let differences = try (0..<2).map {
        try value($0, row[try column("method")]) - value($0, row[try column("over")])
      }
      let shown = try #require(Double(row[try column("difference")]))
      #expect(abs(shown - (differences[0] + differences[1]) / 2) < 1e-12)
    }
  }

  @Test("Where nothing is dropped, the mean of an ensemble is the method's own score")
  func ensemble() throws {
    let results = try run("data.sets=[own-math]", "losses=[answer]", "ensemble.dropout=0")
    for seed in 0..<2 {
      let loss = try #require(results["cells"]?["seed-\(seed)/own-math"]?["losses"]?.array?[0])
      for method in ["hessian-free", "datainf"] {
        let alone = loss["methods"]?[method]?.array?[0]
        #expect(alone != nil && loss["ensemble"]?[method] == alone, "\(method)")
      }
    }
  }

  @Test("What an ensemble adds is its measure less that of one model")
  func gains() throws {
    let results = try run("data.sets=[own-math]", "losses=[answer]", "seeds=1")
    let table = try String(contentsOf: place.file("run/tables/ensembles.csv"), encoding: .utf8)
    let loss = try #require(results["cells"]?["seed-0/own-math"]?["losses"]?.array?[0])
    for method in ["hessian-free", "datainf"] {
      let gain =
        try #require(loss["ensemble"]?[method]?["auc"]?.number)
        - #require(loss["methods"]?[method]?.array?[0]["auc"]?.number)
      let row = try #require(
        table.split(whereSeparator: \.isNewline).first {
          $0.hasPrefix("own-math,answer,AUC,\"\(method), mean of 2\",\(method),")
        })
      let shown = row.split(separator: ",", omittingEmptySubsequences: false)[6]
      #expect(try abs(#require(Double(shown)) - gain) < 1e-12)
    }
  }

  @Test("A run that was cut short goes on, with more seeds, to the same results")
  func resumed() throws {
    let small = ["losses=[all]", "data.sets=[own-math]", "ensemble.members=0"]
    let flags = small.flatMap { ["--set", $0] }
    try place.succeed(
      ["experiment", "run", "e.yaml", "--output", "whole", "--quiet"] + flags)
    try place.succeed(
      ["experiment", "run", "e.yaml", "--output", "parts", "--quiet", "--seeds", "1"] + flags)
    try place.succeed(
      ["experiment", "run", "e.yaml", "--output", "parts", "--quiet", "--resume"] + flags)
    let results = try ["whole", "parts"].map {
      try OrderedJSON(contentsOf: place.file("\($0)/results.json"))["cells"]
    }
    #expect(results[0] != nil && results[0] == results[1])
    let outcome = try place.run(
      ["experiment", "run", "e.yaml", "--output", "parts", "--quiet", "--resume"] + flags
        + ["--set", "model.rank=3"])
    #expect(outcome.status != 0 && outcome.errors.contains("model.rank"))
  }

  @Test("Nothing costly need be asked for")
  func nothingCostly() throws {
    let results = try run(
      "costly-methods=[]", "methods=[hessian-free]", "losses=[answer]", "dampings=[0.1]",
      "ensemble.members=0")
    let cells = try #require(results["cells"]?.object)
    #expect(!cells.isEmpty)
    #expect(!"\(results)".contains("ekfac-cg"))
  }

  @Test(
    "What cannot be done is refused before any work",
    arguments: [
      ("model.folder=e.yaml", "GGUF"), ("methods=[exact-hessian]", "second derivatives"),
      ("methods=[trak]", "trak needs more"), ("data.max-length=257", "256 tokens"),
      ("data.sets=[sentences]", "data.folder"), ("dampings=[1, 1.0]", "given twice"),
      ("costly-methods=[exact]", "given twice"), ("ensemble.members=1", "no ensemble"),
      ("data.training=0", "data.training"),
      ("data.max-length=12", "nothing that is to be predicted"), ("losses=[text]", "losses"),
      ("data.sets=[poems]", "data.sets"),
    ])
  func refused(override: String, part: String) throws {
    let outcome = try place.run(
      ["experiment", "run", "e.yaml", "--output", "run", "--quiet", "--set", override])
    #expect(outcome.status != 0)
    #expect(outcome.errors.contains(part), "\(outcome.errors)")
    #expect(!place.has("run"))
  }

  @Test("A model of classes is refused")
  func classifier() throws {
    try TinyModels.writeBERT(to: "bert", in: place)
    let outcome = try place.run(
      ["experiment", "run", "e.yaml", "--output", "run", "--set", "model.folder=bert"])
    #expect(outcome.status != 0 && outcome.errors.contains("Llama, Qwen2 or GPT-2"))
  }

  @Test(
    "Published sets are read: the answer is what follows the prompt, and as many of each kind as asked for"
  )
  func published() throws {
    func lines(_ numbers: Range<Int>) throws -> String {
      try ["plus", "minus"].flatMap { kind in
        try numbers.map { number in
          let line: OrderedJSON = [
            "prompt": .string("say \(kind) \(number) -> "),
            "text": .string("say \(kind) \(number) -> Answer \(number)</s>"),
            "variation": .string(kind),
          ]
          return try line.serialized() + "\n"
        }
      }.joined()
    }
    try place.write(try lines(0..<4), to: "data/generation/math_without_reason_train.jsonl")
    try place.write(try lines(4..<6), to: "data/generation/math_without_reason_test.jsonl")
    let sets = ["data.folder=data", "data.sets=[math]", "losses=[all]", "ensemble.members=0"]
    try place.succeed(
      ["experiment", "run", "e.yaml", "--output", "run", "--quiet"]
        + (sets + ["data.training=2"]).flatMap { ["--set", $0] })
    let cell = try OrderedJSON(contentsOf: place.file("run/results.json"))["cells"]?["seed-1/math"]
    #expect(cell?["examples"]?.number == 4 && cell?["queries"]?.number == 2)
    // Only one of the two words is shared by all examples of a kind.
    let words = cell?["losses"]?.array?[0]["baselines"]?["bm25"]
    #expect(words?["auc"]?.number == 1 && words?["recall"]?.number == 1)
    #expect(
      try !String(contentsOf: place.file("run/summary.md"), encoding: .utf8).contains(
        "share examples"))
    for (override, part) in [
      ("data.training=5", "4 examples of a kind"), ("data.queries=3", "2 examples of a kind"),
    ] {
      let outcome = try place.run(
        ["experiment", "run", "e.yaml", "--output", "other", "--quiet"]
          + (sets + [override]).flatMap { ["--set", $0] })
      #expect(outcome.status != 0 && outcome.errors.contains(part), "\(outcome.errors)")
    }
    try place.write(
      try lines(4..<6).replacing("\"text\":\"say", with: "\"text\":\"tell"),
      to: "data/generation/math_without_reason_test.jsonl")
    let outcome = try place.run(
      ["experiment", "run", "e.yaml", "--output", "other", "--quiet"]
        + (sets + ["data.training=2"]).flatMap { ["--set", $0] })
    #expect(
      outcome.errors.contains("row 0: the text does not begin with its prompt"), "\(outcome.errors)"
    )
  }
}
