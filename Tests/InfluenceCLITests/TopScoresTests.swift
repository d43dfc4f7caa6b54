import Foundation
import InfluenceKit
import TestSupport
import Testing

/// `influence score --top`: what the whole matrix would show, without the matrix.
@Suite("influence score --top")
struct TopScoresTests {
  let place: Workplace
  let fixture: Fixture

  init() throws {
    place = try Workplace()
    fixture = try Fixture()
  }

  @Test(
    "The table holds what `influence top` shows of the whole matrix",
    arguments: [
      (1, []), (5, ["--convention", "influence"]), (40, ["--aggregate", "mean"]), (1000, []),
    ])
  func same(count: Int, options: [String]) throws {
    try place.succeed(fixture.score("datainf") + options)
    try place.succeed(
      fixture.score("datainf", to: "top.csv") + options + ["--top", "\(count)"])
    let queries = options.contains("mean") ? 1 : Fixture.queryCount
    for query in 0..<queries {
      let whole = try place.succeed([
        "top", "scores.npy", "--query", "\(query)", "--count", "\(count)", "--json",
      ]).json()
      let kept = try place.succeed([
        "top", "top.csv", "--query", "\(query)", "--count", "\(count)", "--json",
      ]).json()
      for key in ["convention", "helpful", "harmful"] {
        #expect(whole[key] != nil && whole[key] == kept[key])
      }
    }
    let record = try place.json("top.csv.json")
    #expect(record["format"]?.string == "influencekit-top-scores")
    #expect(record["top"]?.integer == count)
    #expect(record["columns"]?.integer == Fixture.exampleCount)
    let lines = try String(contentsOf: place.file("top.csv"), encoding: .utf8)
      .split(separator: "\r\n")
    #expect(lines.first == "query,query_id,side,rank,example,id,score")
    #expect(lines.count == 1 + queries * 2 * min(count, Fixture.exampleCount))
  }

  @Test("Queries in batches give the same table as all at a time")
  func batches() throws {
    let options = ["--method", "hessian-free", "--top", "3", "--precision", "double"]
    try SmallFiles.write(in: place)
    // One query at a time, since nothing fits.
    for (name, memory) in [("all", "1GB"), ("few", "1kB")] {
      try place.succeed(
        ["score", "--train", "train.safetensors", "--query", "train.safetensors"] + options + [
          "--output", "\(name).csv", "--memory", memory,
        ])
    }
    #expect(try place.bytes("all.csv") == place.bytes("few.csv"))
  }

  @Test("Ids come from the stores, whatever is in them")
  func ids() throws {
    let names = ["plain", "a,b", "\"quoted\"", "two\nlines", "\"", "größer"]
    let rows = SmallFiles.random(rows: 6, columns: 12, seed: 1)
    let layout = BlockLayout([(name: "a", shape: [12])])
    for (store, prefix) in [("train", ""), ("query", "q ")] {
      let writer = try GradientStoreWriter(creating: place.file(store), layout: layout)
      try writer.append([rows], ids: names.map { prefix + $0 })
      try writer.finish()
    }
    try place.succeed([
      "score", "--train", "train", "--query", "query", "--method", "exact", "--top", "6",
      "--output", "top.csv",
    ])
    for query in 0..<6 {
      let shown = try place.succeed(["top", "top.csv", "--query", "\(query)", "--json"]).json()
      let entries = try #require(shown["helpful"]?.array)
      // An example is the most helpful for itself.
      #expect(entries.first?["example"]?.integer == query)
      #expect(entries.count == 6)
      for entry in entries {
        #expect(entry["id"]?.string == names[try #require(entry["example"]?.integer)])
      }
    }
    #expect(try place.succeed(["top", "top.csv", "--query", "3"]).output.contains("Id"))
  }

  @Test("The preview names the most extreme, and a short list says that it is short")
  func preview() throws {
    let outcome = try place.succeed(fixture.score("exact", to: "top.csv") + ["--top", "2"])
    let first = try place.succeed(["top", "top.csv", "--query", "0", "--json"]).json()["helpful"]?[
      0]?[
        "example"]?.integer
    #expect(outcome.output.contains("query 0: most helpful \(try #require(first)) ("))
    let shown = try place.succeed(["top", "top.csv", "--query", "0"])
    #expect(shown.output.contains("2 of each kind"))
  }

  @Test("What cannot be is refused, and leaves nothing")
  func refusals() throws {
    let cases: [([String], Int32, String)] = [
      (fixture.score("exact", to: "top.csv") + ["--top", "0"], 64, "from 1 up"),
      (fixture.score("exact", to: "top.npy") + ["--top", "3"], 64, ".csv"),
      (
        fixture.score("exact", to: "top.csv") + ["--top", "3", "--damping-sweep", "0.1:1:3"], 64,
        "--top"
      ),
    ]
    for (arguments, status, words) in cases {
      let outcome = try place.run(arguments)
      #expect(outcome.status == status)
      #expect(outcome.onlyError?.contains(words) == true, "\(outcome)")
      #expect(try place.names().isEmpty)
    }
    try place.succeed(fixture.score("exact", to: "top.csv") + ["--top", "2"])
    let far = try place.run(["top", "top.csv", "--query", "99"])
    #expect(far.status == 64)
    #expect(far.onlyError?.contains("0 to 6") == true)
    let text = try String(contentsOf: place.file("top.csv"), encoding: .utf8)
    try place.write(text.replacing("helpful", with: "helpfull"), to: "bad.csv")
    let bad = try place.run(["top", "bad.csv", "--query", "0"])
    #expect(bad.status == 65)
    #expect(bad.onlyError?.contains("line 2") == true)
  }
}
