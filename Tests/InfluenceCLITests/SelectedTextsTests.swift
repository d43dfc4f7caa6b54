import Foundation
import InfluenceKit
import OrderedCollections
import Testing

/// The experiment on trimming texts, on a model of random weights.
@Suite("Experiment selection-language")
struct SelectedTextsTests {
  private let place: Workplace

  init() throws {
    place = try Workplace()
    try TinyModels.writeBERT(to: "bert", in: place)
    try place.write(try TinyModels.reviews(52, seed: 1), to: "train.jsonl")
    try place.write(try TinyModels.reviews(30, seed: 2), to: "query.jsonl")
    try place.write(
      """
      experiment: selection-language
      seeds: 2
      methods: [hessian-free, datainf, cosine]
      trims: [0.3, 0.1]
      dampings: [1, 0.01]
      rank: 2
      data: {set: file, training-file: train.jsonl, held-out-file: query.jsonl, text: sentence, training: 26, validation: 8, test: 7, max-length: 16}
      model: {folder: bert, layers: 1, epochs: 4, learning-rate: 3e-2}
      """, to: "e.yaml")
  }

  private func run(_ overrides: String..., into folder: String = "run") throws -> OrderedJSON {
    try place.succeed(
      ["experiment", "run", "e.yaml", "--output", folder, "--quiet", "--quick"]
        + overrides.flatMap { ["--set", $0] })
    return try OrderedJSON(contentsOf: place.file("\(folder)/results.json"))
  }

  /// A table of a run, each row by the names of its columns.
  private func table(_ name: String) throws -> [[String: String]] {
    let lines = try String(contentsOf: place.file("run/tables/\(name).csv"), encoding: .utf8)
      .split(whereSeparator: \.isNewline).map {
        $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      }
    let head = try #require(lines.first)
    return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(head, $0)) }
  }

  @Test("Every ranking has an outcome for each share, among all texts and within classes")
  func outcomes() throws {
    let results = try run()
    let cells = try #require(results["cells"]?.object)
    #expect(cells.keys.elements == ["seed-0", "seed-1"])
    for cell in cells.values {
      // A pair of 16 → 2 → 16 beside the query and the value of one layer, and a classifier of two classes.
      #expect(cell["columns"]?.number == Double(2 * 64 + 34))
      #expect(cell["wrong_labels"]?.number == 5 && cell["examples"]?.number == 26)
      #expect(cell["all"]?["wrong_share"]?.number == 5.0 / 26)
      #expect(cell["right"]?["wrong_share"]?.number == 0)
      #expect(cell["random"]?.array?.count == 2)
      let rankings = try #require(cell["rankings"]?.object)
      #expect(
        rankings.keys.elements == [
          "hessian-free (mean)", "hessian-free (normalized)", "datainf (mean)",
          "datainf (normalized)", "cosine (mean)", "cosine (normalized)", "training loss",
        ])
      for (name, ranking) in rankings {
        for scope in ["all", "classes"] {
          let outcomes = try #require(ranking["scopes"]?[scope]?.array)
          #expect(outcomes.count == 2)
          for (outcome, share) in zip(outcomes, [0.3, 0.1]) {
            let accuracy = try #require(outcome["accuracy"]?.number)
            #expect((accuracy * 7).rounded() / 7 == accuracy)
            let least = try #require(outcome["least_class_share"]?.number)
            // Rounded up within a class, so that each class loses about the share.
            #expect(scope == "all" || abs(least - (1 - share)) < 0.1, "\(name) \(least)")
          }
        }
        // λ is the one of the least validation loss, and methods without one have none.
        let losses = (ranking["validation_losses"]?.array ?? []).compactMap(\.number)
        #expect(losses.count == (name.hasPrefix("datainf") ? 2 : 0))
        if let least = losses.min(), let place = losses.firstIndex(of: least) {
          #expect(ranking["damping"]?.number == [1, 0.01][place])
        } else {
          #expect(ranking["damping"] == .null)
        }
      }
    }
  }

  @Test(
    "Differences are of means over all shares, with the chance of Student's test and Holm's correction"
  )
  func differences() throws {
    let results = try run()
    let rows = try table("differences")
    // Seven rankings in two scopes over no trimming and random texts, and six over the training loss.
    #expect(rows.count == 2 * (7 + 7 + 6))
    var chances: [Double] = []
    for row in rows {
      let scope = row["among"] == "all texts" ? "all" : "classes"
      func value(_ seed: Int, _ name: String) throws -> Double {
        let cell = try #require(results["cells"]?["seed-\(seed)"])
        switch name {
        case "no trimming": return try #require(cell["all"]?["accuracy"]?.number)
        case "random":
          let values = try #require(cell["random"]?.array).compactMap { $0["accuracy"]?.number }
          return (values[0] + values[1]) / 2
        default:
          let values = try #require(cell["rankings"]?[name]?["scopes"]?[scope]?.array)
            .compactMap { $0["accuracy"]?.number }
          return (values[0] + values[1]) / 2
        }
      }
      let differences = try (0..<2).map {
        try value($0, row["method"] ?? "") - value($0, row["over"] ?? "")
      }
      let mean = (differences[0] + differences[1]) / 2
      #expect(abs(try #require(Double(row["difference"] ?? "")) - mean) < 1e-12)
      // Two values: s/√2 is half of their distance, and one degree of freedom is Cauchy's distribution.
      let error = abs(differences[0] - differences[1]) / 2
      let chance = error > 0 ? 1 - 2 / Double.pi * atan(abs(mean) / error) : (mean == 0 ? 1 : 0)
      chances.append(try #require(Double(row["chance"] ?? "")))
      #expect(abs(chances[chances.count - 1] - chance) < 1e-9)
    }
    // Holm by its definition: of the chances that are not smaller.
    for (row, chance) in zip(rows, chances) {
      let expected = chances.filter { $0 <= chance }.map { smaller in
        min(1, Double(chances.count { $0 >= smaller }) * smaller)
      }.max()
      #expect(abs(try #require(Double(row["corrected"] ?? "")) - (expected ?? 1)) < 1e-9)
    }
  }

  @Test("What is kept, and what is trained on it, is what training by hand gives")
  func byHand() throws {
    let cell = try #require(run("seeds=1")["cells"]?["seed-0"])
    // Leaving out all texts of wrong labels leaves 21; leaving out 0.1 and 0.3 of 26 leaves 23 and 18.
    let ranking = try #require(cell["rankings"]?["training loss"]?["scopes"]?["all"]?.array)
    for (outcome, kept) in zip(ranking, [18.0, 23]) {
      let wrong = try #require(outcome["wrong_share"]?.number) * kept
      #expect(abs(wrong - wrong.rounded()) < 1e-9)
    }
    // Choices of the same texts are the same trainings: a share so small that one text goes.
    let single = try #require(run("seeds=1", "trims=[0.01]", into: "single")["cells"]?["seed-0"])
    for outcomes in single["rankings"]?.object?.values.map({ $0["scopes"]?["all"]?.array }) ?? [] {
      let share = try #require(outcomes?.first?["wrong_share"]?.number)
      #expect(abs(share * 25 - 5) < 1e-9 || abs(share * 25 - 4) < 1e-9)
    }
  }

  @Test("A run that is resumed has the results of one that was not stopped")
  func resumed() throws {
    let whole = try run("trims=[0.3]", into: "whole")
    try place.succeed([
      "experiment", "run", "e.yaml", "--output", "part", "--quiet", "--quick", "--seeds", "1",
      "--set", "trims=[0.3]",
    ])
    try place.succeed([
      "experiment", "run", "e.yaml", "--output", "part", "--quiet", "--quick", "--resume",
      "--set", "trims=[0.3]",
    ])
    #expect(try OrderedJSON(contentsOf: place.file("part/results.json")) == whole)
  }

  @Test("Seeds that share texts widen the intervals by Nadeau and Bengio's correction")
  func sharing() throws {
    _ = try run("seeds=3", "methods=[hessian-free]", "trims=[0.3]", "scopes=[all]")
    #expect(
      try String(contentsOf: place.file("run/summary.md"), encoding: .utf8).contains(
        "Seeds share texts: the files have enough for 2"))
    let results = try OrderedJSON(contentsOf: place.file("run/results.json"))
    let values = try (0..<3).map {
      try #require(results["cells"]?["seed-\($0)"]?["all"]?["loss"]?.number)
    }
    let mean = values.reduce(0, +) / 3
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 2
    let row = try #require(table("accuracy").first { $0["by"] == "no trimming" })
    // Student's 97.5 % quantile for two degrees of freedom; seven test texts for 26 that are learnt.
    let width = 4.302652729696142 * (variance * (1.0 / 3 + 7.0 / 26)).squareRoot()
    #expect(abs(try #require(Double(row["± test loss"] ?? "")) - width) < 1e-9)
  }

  @Test(
    "What cannot be done is refused before any work",
    arguments: [
      ("data.flip=0", "0 of 26"), ("methods=[exact-hessian]", "second derivatives"),
      ("methods=[logra]", "needs more"), ("trims=[0.1, 0.1]", "given twice"),
      ("trims=[1]", "trims"), ("dampings=[1, 1]", "given twice"), ("scopes=[group]", "scopes"),
      ("queries=[]", "queries"), ("damping-trim=0", "damping-trim"), ("rank=0", "rank"),
      ("data.training=53", "ask for fewer"), ("model.layers=-1", "model.layers"),
    ])
  func refused(override: String, part: String) throws {
    let outcome = try place.run(
      ["experiment", "run", "e.yaml", "--output", "run", "--quiet", "--quick", "--set", override])
    #expect(outcome.status != 0)
    #expect(outcome.errors.contains(part), "\(outcome.errors)")
    #expect(!place.has("run"))
  }
}
