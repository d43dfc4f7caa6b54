import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence report")
struct ReportCommandTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try place.writeTensors(SmallFiles.tensors(), to: "train.safetensors")
    try place.writeTensors(SmallFiles.tensors(rows: 3), to: "query.safetensors")
    for (name, count) in [("train", 12), ("query", 3)] {
      try place.write(
        (0..<count).map {
          "{\"id\": \"e\($0)\", \"text\": \"<b>text</b> number \($0)\", \"label\": \"l\($0 % 2)\", \"loss\": \($0).5, \"predicted\": \"l0\"}\n"
        }.joined(), to: "\(name).jsonl")
    }
    try place.write("{\"flipped\": [0, 7]}", to: "flipped.json")
  }

  private let line = [
    "report", "--train", "train.safetensors", "--query", "query.safetensors", "--examples",
    "train.jsonl", "--query-examples", "query.jsonl", "--output", "report.html",
  ]

  private func page(_ name: String = "report.html") throws -> String {
    try String(contentsOf: place.file(name), encoding: .utf8)
  }

  @Test("A page with queries, suspects and provenance, and what was found on the terminal")
  func whole() throws {
    let outcome = try place.succeed(line + ["--flipped", "flipped.json"])
    for part in ["wrong labels that you named", "report.html: 3 of 3 queries by 4 methods"] {
      #expect(outcome.output.contains(part), "\(part)")
    }
    let page = try page()
    for part in [
      "id=\"queries\"", "id=\"suspects\"", "id=\"trust\"", "id=\"provenance\"",
      "&lt;b&gt;text&lt;/b&gt; number 3", "CRC-32C", "--query-examples query.jsonl",
      "1 of which it gets wrong",
    ] {
      let isThere = page.contains(part)
      #expect(isThere, "\(part)")
    }
    let isElement = page.contains("<b>text")
    #expect(!isElement)
    #expect(try place.names().filter { $0.contains("report") } == ["report.html"])
  }

  @Test("An earlier page is replaced, and no other file")
  func replaced() throws {
    try place.write("<p>mine</p>", to: "report.html")
    let outcome = try place.run(line)
    #expect(outcome.status == 73 && outcome.errors.contains("report.html"))
    #expect(try page() == "<p>mine</p>")
    try FileManager.default.removeItem(at: place.file("report.html"))
    _ = try place.succeed(line + ["--quiet"])
    let first = try page()
    let outcome2 = try place.succeed(line + ["--quiet", "--queries", "1"])
    #expect(outcome2.output.isEmpty)
    #expect(try page().utf8.count < first.utf8.count)
  }

  @Test(
    "Options that would do nothing are refused, and a page that would say nothing",
    arguments: [
      (["--methods", "exact"], "--methods is for queries"),
      (["--query-examples", "query.jsonl"], "--query-examples is for queries"),
      (["--label", "label"], "--label names a field"),
      (["--examples", "train.jsonl", "--max-length", "3"], "--max-length is for --model"),
      (["--examples", "train.jsonl", "--prompt", "p"], "--prompt is for --model"),
      ([], "nothing to report"),
    ])
  func nothing(options: [String], part: String) throws {
    let outcome = try place.run(
      ["report", "--train", "train.safetensors", "--output", "n.html"] + options)
    #expect(outcome.status != 0 && outcome.errors.contains(part), "\(outcome)")
    #expect(!place.has("n.html"))
  }

  @Test("A page is of scores that are positive for helpful ones")
  func convention() throws {
    let outcome = try place.run([
      "score", "--train", "train.safetensors", "--query", "query.safetensors", "--method",
      "datainf", "--top", "2", "--convention", "influence", "--output", "top.csv", "--report",
      "t.html",
    ])
    #expect(outcome.status == 64 && outcome.errors.contains("--convention"))
  }

  @Test("compare, score --top and suspects write the same kind of page")
  func others() throws {
    let stores = ["--train", "train.safetensors", "--query", "query.safetensors"]
    let outcome = try place.succeed(
      ["compare"] + stores + ["--methods", "datainf", "--output", "run", "--report", "c.html"])
    #expect(outcome.output.contains("c.html: 3 of 3 queries by 2 methods"))
    _ = try place.succeed(["report", "run", "--output", "r.html"])
    _ = try place.succeed(
      ["score"] + stores + [
        "--method", "datainf", "--top", "2", "--output", "top.csv", "--report", "t.html",
      ])
    _ = try place.succeed(
      ["suspects"] + stores + ["--examples", "train.jsonl", "--report", "s.html"])
    for (name, parts) in [
      ("c.html", ["id=\"queries\"", "Accuracy and cost"]), ("r.html", ["Agreement of rankings"]),
      ("t.html", ["id=\"queries\""]), ("s.html", ["id=\"suspects\"", "id=\"queries\""]),
    ] {
      let page = try page(name)
      for part in parts {
        let isThere = page.contains(part)
        #expect(isThere, "\(name): \(part)")
      }
    }
    // The times of the comparison are its own.
    let isMeasured = try page("r.html").contains(">fit<")
    #expect(isMeasured)
  }
}
