import Foundation
import InfluenceKit
import OrderedCollections
import TestSupport
import Testing

@Suite("influence experiment")
struct ExperimentTests {
  let place: Workplace

  /// Seconds long: two seeds, two ranks.
  init() throws {
    place = try Workplace()
    try place.write(
      """
      experiment: approximation-error
      title: A small one
      seeds: 2
      ranks: [1, 2]
      methods: [hessian-free, datainf]
      data: {base: 50, training: 80, validation: 20, test: 20}
      model: {hidden: [8], epochs: 2, base-epochs: 2}
      """, to: "small.yaml")
  }

  private static let results = [
    "run/results.json", "run/summary.md", "run/tables/correlation.csv",
    "run/pictures/correlation.svg", "run/pictures/against-exact.svg",
    "run/scores/seed-1/rank-2/mean-query.npy",
  ]

  @Test("A killed run goes on, and its results are those of an unbroken one")
  func kills() throws {
    try KillTrial(
      ["experiment", "run", "../small.yaml", "--output", "run", "--resume", "--quiet"],
      results: Self.results,
      isDone: { FileManager.default.fileExists(atPath: $0.appending(path: "run/costs.json").path) }
    ).run(in: place, kills: 10, seed: 11)
  }

  /// The files of experiments that need no data and no model from elsewhere.
  private static let files: [URL] = {
    guard
      let folder = SharedData.packageRoot?.appending(path: "scripts/experiments"),
      let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
    else { return [] }
    return names.sorted().filter { $0.hasSuffix(".yaml") }.map { folder.appending(path: $0) }
      .filter { url in
        let text = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
        return !text.contains("# needs:")
      }
  }()

  // Runs of their own: within one process, the threads of another test's factorisation can change how a
  // product is rounded.
  @Test("The same file and seeds leave the same bytes, and show what they must")
  func repeatability() throws {
    #expect(Self.files.count >= 10)
    for file in Self.files {
      let name = file.lastPathComponent
      let results = try ["first", "second"].map { folder in
        try place.succeed(
          ["experiment", "run", file.path, "--quick", "--quiet", "--output", "\(folder)/\(name)"])
        return try place.bytes("\(folder)/\(name)/results.json")
      }
      #expect(results[0] == results[1], "\(name)")
    }
  }

  @Test("SIGTERM says what is left, and how to go on")
  func interruption() throws {
    let program = try RunningProgram(
      [
        "experiment", "run", "small.yaml", "--seeds", "50", "--output", "run", "--set",
        "model.epochs=20",
      ], in: place.url)
    try program.wait { place.has("run/cells") }
    program.send(SIGTERM)
    let outcome = try program.outcome()
    #expect(outcome.status == 143, "\(outcome)")
    #expect(outcome.errors.contains("--output run --resume"), "\(outcome)")
  }

  @Test("A run prints its tables, what must hold, and where everything is")
  func run() throws {
    let outcome = try place.succeed(["experiment", "run", "small.yaml", "--output", "run"])
    for part in [
      "A small one (approximation-error), 2 seeds", "hessian-free", "holds: ",
      "run: summary.md, results.json, 1 tables, 2 pictures; 4 parts",
    ] { #expect(outcome.output.contains(part), "\(outcome)") }
    let results = try place.json("run/results.json")
    #expect(results["seeds"]?.strings == ["0", "1"])
    #expect(results["cells"]?.object?.count == 4)
    #expect(results["settings"]?["model.hidden"]?.integers == [8])
    // The files of scores are those of the results.
    let scores = try place.matrix("run/scores/seed-0/rank-1/mean-query.npy")
    let rows = try place.json("run/scores/seed-0/rank-1/mean-query.npy.json")["rows"]?.strings
    #expect(rows == ["hessian-free", "datainf", "exact"] && scores.rows == 3)
    let exact = results["cells"]?["seed-0/rank-1"]?["methods"]?["exact"]?["mean_query_scores"]
    #expect(exact?.array?.compactMap(\.number) == Array(scores[row: 2]))
    // Once more: refused, then nothing to do.
    let again = try place.run(["experiment", "run", "small.yaml", "--output", "run"])
    #expect(again.status == 73 && again.onlyError?.contains("--resume") == true, "\(again)")
    let resumed = try place.succeed(
      ["experiment", "run", "small.yaml", "--output", "run", "--resume", "--json"])
    #expect(try resumed.json() == results)
    #expect(try place.json("run/costs.json")["cells_kept"]?.integer == 4)
  }

  @Test("list and describe say what there is, and what a file may say")
  func listing() throws {
    let list = try place.succeed(["experiment", "list", "--json"]).json()
    let kinds = (list.array ?? []).compactMap { $0["experiment"]?.string }
    #expect(kinds.contains("approximation-error") && Set(kinds).count == kinds.count)
    let text = try place.succeed(["experiment", "list"]).output
    for kind in kinds {
      #expect(text.contains(kind))
      let description = try place.succeed(["experiment", "describe", kind, "--json"]).json()
      let settings = description["settings"]?.array ?? []
      #expect(!settings.isEmpty && settings.allSatisfy { $0["meaning"]?.string?.isEmpty == false })
    }
    let file = try place.succeed(["experiment", "describe", "small.yaml", "--json"]).json()
    let ranks = file["settings"]?.array?.first { $0["key"]?.string == "ranks" }
    #expect(ranks?["value"]?.integers == [1, 2] && ranks?["standard"]?.integers == [1, 2, 4, 8])
  }

  @Test(
    "Wrong files and settings are refused in one line, before any work",
    arguments: [
      (["absent.yaml"], Int32(66), "no such file"),
      (["small.yaml", "--set", "modle.hidden=[3]"], 65, "did you mean model.hidden"),
      (["small.yaml", "--set", "data.training=5000"], 65, "1797 examples"),
      (["small.yaml", "--set", "data.folder=nowhere"], 66, "data.md"),
      (["small.yaml", "--seeds", "0"], 65, "seeds"),
      (["small.yaml", "--resume"], 64, "--output"),
      (["small.yaml", "--threads", "0"], 64, "--threads"),
      (["bad.yaml"], 65, "bad.yaml:2:1"),
      (["taken.yaml", "--output", "small.yaml"], 73, "something else"),
    ])
  func refusals(words: [String], status: Int32, part: String) throws {
    try place.write("experiment: approximation-error\n\tseeds: 2", to: "bad.yaml")
    try place.write("experiment: approximation-error", to: "taken.yaml")
    let outcome = try place.run(["experiment", "run"] + words)
    #expect(outcome.status == status, "\(outcome)")
    #expect(outcome.onlyError?.contains(part) == true, "\(outcome)")
    #expect(!place.has("influence-runs") && !place.has("run"))
  }
}
