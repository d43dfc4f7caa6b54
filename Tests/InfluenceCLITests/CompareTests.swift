import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence compare")
struct CompareTests {
  let place: Workplace
  let fixture: Fixture

  static let methods = [
    "hessian-free", "cosine", "block-normalized", "datainf", "lissa", "cg", "exact",
  ]

  init() throws {
    place = try Workplace()
    fixture = try Fixture()
    try place.write("{\"flipped\": [2, 3, 5, 7, 11, 13]}", to: "flipped.json")
  }

  private var arguments: [String] {
    [
      "compare", "--train", fixture.train, "--query", fixture.query, "--flipped", "flipped.json",
    ]
  }

  private func entry(_ json: OrderedJSON, _ method: String) throws -> OrderedJSON {
    try #require(json["methods"]?.array?.first { $0["method"]?.string == method })
  }

  @Test("JSON: every method, every measure")
  func json() throws {
    let outcome = try place.succeed(arguments + ["--json", "--output", "run"])
    let json = try outcome.json()
    let record = try SealedJSON(contentsOf: place.file("run/run.json"))
    #expect(record.isSealed)
    #expect(json.adding(["files": record.content["files"] ?? nil]) == record.content)
    #expect(json["format"]?.string == "influencekit-comparison")
    #expect(json["version"]?.integer == 1)
    #expect(json["convention"]?.string == "helpful")
    #expect(json["flipped"]?.integers == [2, 3, 5, 7, 11, 13])
    #expect(json["train"]?["crc32c"]?.string?.count == 8)
    #expect(json["query"]?["rows"]?.integer == Fixture.queryCount)
    #expect(json["blocks"]?.array?.count == 5)
    #expect(json["settings"]?["damping"]?.string == "0.1")
    #expect(json["versions"]?["influencekit"]?.string?.isEmpty == false)
    #expect(json["methods"]?.array?.compactMap { $0["method"]?.string } == Self.methods)
    for method in Self.methods {
      let entry = try entry(json, method)
      for key in ["fit_seconds", "score_seconds", "relative_residual_median"] {
        // The scores of cosine are not those of a direction x, so that they have no residual.
        let isNone = key == "relative_residual_median" && method == "cosine"
        #expect(isNone ? entry[key] == .null : (entry[key]?.number ?? -1) >= 0, "\(method) \(key)")
      }
      for key in ["pearson", "spearman", "mean_query_pearson", "mean_query_spearman"] {
        let value = try #require(entry[key]?.number)
        #expect(value >= -1 && value <= 1 + 1e-12, "\(method) \(key)")
      }
      for key in [
        "top_10_percent_overlap", "flipped_auc", "flipped_recall_10_percent",
        "flipped_recall_20_percent",
      ] {
        let value = try #require(entry[key]?.number)
        #expect(value >= 0 && value <= 1, "\(method) \(key)")
      }
      let peak = try #require(entry["peak_memory_bytes"])
      #expect(peak == .null || (peak.integer ?? 0) > 1_000_000)
      let scores = try #require(entry["scores"]?.string)
      #expect(try place.matrix("run/\(scores)").rows == Fixture.queryCount)
    }
    let exact = try entry(json, "exact")
    for key in ["pearson", "spearman", "mean_query_pearson", "top_10_percent_overlap"] {
      expectClose(exact[key]?.number ?? .nan, 1, bound: .backward(order: Fixture.exampleCount))
    }
    let free = try entry(json, "hessian-free")
    #expect(free["relative_residual_median"]?.number ?? 0 > 0.01)
  }

  /// Pearson's correlation by its definition, on the numpy program's scores.
  @Test(
    "Correlations are those of the numpy program's scores",
    arguments: ["hessian-free", "block-normalized", "datainf"])
  func correlations(method: String) throws {
    let json = try place.succeed(
      arguments + ["--json", "--output", "run", "--precision", "double", "--methods", method]
    ).json()
    // Exact is added, because the others are held against it.
    #expect(json["methods"]?.array?.compactMap { $0["method"]?.string } == [method, "exact"])
    let exact = try fixture.expected("scores.exact")
    let found = try fixture.expected("scores.\(method.replacing("-", with: "_"))")
    func pearson(_ a: [Double], _ b: [Double]) -> Double {
      let (meanA, meanB) = (
        a.reduce(0, +) / Double(a.count), b.reduce(0, +) / Double(b.count)
      )
      let (x, y) = (a.map { $0 - meanA }, b.map { $0 - meanB })
      func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
      return dot(x, y) / (dot(x, x) * dot(y, y)).squareRoot()
    }
    let mean =
      (0..<exact.rows).reduce(0) { $0 + pearson(Array(found[row: $1]), Array(exact[row: $1])) }
      / Double(exact.rows)
    let entry = try entry(json, method)
    // Rounding of scores in double precision, through a condition number of 707, to a correlation.
    let bound = Bound.backward(order: Fixture.exampleCount, condition: 707, scale: 1)
    expectClose(entry["pearson"]?.number ?? .nan, mean, bound: bound)
    expectClose(
      entry["mean_query_pearson"]?.number ?? .nan,
      pearson(found.meanRow().elements, exact.meanRow().elements), bound: bound)
  }

  @Test("The table fits a page, and the folder holds it with scores and settings")
  func folder() throws {
    let outcome = try place.succeed(arguments)
    let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
    let head = try #require(lines.firstIndex { $0.hasPrefix("method ") })
    for name in ["fit", "score", "memory", "Pearson", "Spearman", "residual", "AUC"] {
      #expect(lines[head].contains(name))
    }
    #expect(lines.dropFirst(head).prefix(9).allSatisfy { $0.count <= 120 })
    #expect(
      lines.dropFirst(head + 2).prefix(7).map { String($0.prefix { $0 != " " }) } == Self.methods)
    #expect(lines.contains("scores, settings and this table: influence-runs/compare-1"))
    let files = try FileManager.default.subpathsOfDirectory(
      atPath: place.file("influence-runs/compare-1").path)
    #expect(
      files.sorted()
        == ([
          "agreement_spearman.csv", "agreement_top.csv", "run.json", "scores", "table.csv",
          "table.md",
        ]
        + Self.methods.map { "scores/\($0).npy" })
        .sorted())
    let markdown = try String(
      contentsOf: place.file("influence-runs/compare-1/table.md"), encoding: .utf8)
    #expect(markdown.split(separator: "\n").count == 9)
    let csv = try String(
      contentsOf: place.file("influence-runs/compare-1/table.csv"), encoding: .utf8)
    #expect(csv.split(separator: "\r\n").count == 8)
    // The next run has a folder of its own.
    try place.succeed(arguments + ["--quiet", "--methods", "exact"])
    #expect(place.has("influence-runs/compare-2/run.json"))
  }

  @Test("Settings in a method's name reach the method and its file's name")
  func settings() throws {
    let json = try place.succeed(
      arguments + [
        "--methods", "lissa:depth=3", "cg:tolerance=1e-2,steps=4", "--output", "run", "--json",
      ]
    ).json()
    let entry = try entry(json, "cg:tolerance=1e-2,steps=4")
    #expect(entry["settings"]?["steps"]?.string == "4")
    #expect(entry["scores"]?.string == "scores/cg_tolerance_1e-2_steps_4.npy")
    #expect(place.has("run/scores/lissa_depth_3.npy"))
  }

  @Test(
    "Methods are listed with spaces, with commas, or by giving the option again",
    arguments: [
      ["--methods", "exact", "cg:tolerance=1e-2,steps=4", "hessian-free"],
      ["--methods", "exact,cg:tolerance=1e-2,steps=4,hessian-free"],
      ["--methods", "exact", "--methods", "cg:tolerance=1e-2,steps=4,hessian-free"],
    ])
  func lists(words: [String]) throws {
    let json = try place.succeed(arguments + words + ["--output", "run", "--json"]).json()
    #expect(
      json["methods"]?.array?.compactMap { $0["method"]?.string } == [
        "exact", "cg:tolerance=1e-2,steps=4", "hessian-free",
      ])
    #expect(
      json["settings"]?["methods"]?.array?.compactMap(\.string) == [
        "exact", "cg:tolerance=1e-2,steps=4", "hessian-free",
      ])
  }

  @Test("A run repeats bit for bit, from another folder; a changed score file is found")
  func repeats() throws {
    let files = FileManager.default
    try files.copyItem(atPath: fixture.train, toPath: place.file("t.safetensors").path)
    try files.copyItem(atPath: fixture.query, toPath: place.file("q.safetensors").path)
    try place.succeed([
      "compare", "--train", "t.safetensors", "--query", "q.safetensors", "--flipped",
      "flipped.json",
      "--output", "run", "--threads", "1",
    ])
    let before = try place.names()
    try place.makeFolder("elsewhere")
    let again = try Program.run(
      ["compare", "--repeat", "../run"], in: place.file("elsewhere"))
    #expect(again.status == 0, "\(again)")
    #expect(again.output.contains("all 7 score files are the same bit for bit"))
    #expect(try files.contentsOfDirectory(atPath: place.file("elsewhere").path).isEmpty)
    try files.removeItem(at: place.file("elsewhere"))
    #expect(try place.names() == before)

    var scores = Array(try place.bytes("run/scores/datainf.npy"))
    scores[scores.count - 1] ^= 1
    try place.write(scores, to: "run/scores/datainf.npy")
    let tampered = try place.run(["compare", "--repeat", "run"])
    #expect(tampered.status == 65)
    #expect(tampered.output.isEmpty)
    let message = try #require(tampered.onlyError)
    #expect(message.contains("datainf") && !message.contains("exact"))

    // An input that has changed is named, instead of the scores that follow from it.
    try place.writeTensors(SmallFiles.tensors(), to: "t.safetensors")
    let changed = try place.run(["compare", "--repeat", "run"])
    #expect(changed.status == 65)
    #expect(changed.onlyError?.contains("t.safetensors: its contents have changed") == true)
  }

  @Test("On digits: exact finds the flipped labels, and the run repeats")
  func digits() throws {
    let json = try place.succeed(["compare", "--json", "--output", "digits"]).json()
    #expect(json["methods"]?.array?.compactMap { $0["method"]?.string } == Self.methods)
    #expect(json["train"]?["rows"]?.integer == 1000)
    #expect(json["query"]?["rows"]?.integer == 200)
    #expect(json["flipped"]?.array?.count == 200)
    let exact = try entry(json, "exact")
    expectClose(exact["pearson"]?.number ?? .nan, 1, bound: .backward(order: 1000))
    #expect(exact["flipped_auc"]?.number ?? 0 > 0.8)
    #expect(try entry(json, "cg")["pearson"]?.number ?? 0 > 0.999)
    for name in ["train", "query"] {
      #expect(try place.json("digits/gradients/\(name)/info.json").object != nil)
    }
    // Its gradients serve the other commands.
    try place.succeed([
      "score", "--train", "digits/gradients/train", "--query", "digits/gradients/query",
      "--method", "exact", "--output", "again.npy", "--quiet",
    ])
    #expect(try place.bytes("again.npy") == place.bytes("digits/scores/exact.npy"))

    let again = try place.succeed(["compare", "--repeat", "digits", "--quiet"])
    #expect(again.output.hasPrefix("method"))
  }

  @Test("Another seed gives other digits")
  func seeds() throws {
    for seed in ["1", "2"] {
      try place.succeed([
        "compare", "--seed", seed, "--methods", "hessian-free", "--quiet", "--output", seed,
      ])
    }
    let checksums = try ["1", "2"].map { seed in
      let train = try #require(try place.json("\(seed)/run.json")["train"])
      return try #require((train["crc32c"] ?? train["crc32c_as_recorded"])?.string)
    }
    #expect(checksums[0] != checksums[1])
  }

  @Test("A run that is interrupted or that fails leaves nothing")
  func leavesNothing() throws {
    try SmallFiles.write(in: place)
    let before = try place.names()
    let failed = try place.run([
      "compare", "--train", "nan.safetensors", "--query", "query.safetensors", "--output",
      "a/b/run",
    ])
    #expect(failed.status == 65)
    #expect(failed.output.isEmpty && failed.onlyError != nil)
    #expect(try place.names() == before)

    let process = Process()
    let program = try #require(Program.url)
    process.executableURL = program
    // Far more steps than anyone waits for.
    process.arguments = ["compare", "--methods", "cg:tolerance=1e-15,steps=1000000"]
    process.currentDirectoryURL = place.url
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    let deadline = ContinuousClock.now + .seconds(20)
    while !place.has("influence-runs/compare-1.part"), ContinuousClock.now < deadline {
      Thread.sleep(forTimeInterval: 0.02)
    }
    #expect(place.has("influence-runs/compare-1.part"))
    process.interrupt()
    process.waitUntilExit()
    #expect(process.terminationStatus == 130)
    #expect(try place.names() == before)
  }

  @Test("An existing folder keeps what was in it when a run fails")
  func existingFolder() throws {
    try SmallFiles.write(in: place)
    try place.write("mine", to: "run/notes.txt")
    try place.run([
      "compare", "--train", "nan.safetensors", "--query", "query.safetensors", "--output", "run",
    ])
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: place.file("run").path) == ["notes.txt"])
  }
}
