import Foundation
import InfluenceKit
import TestSupport
import Testing

/// `influence index` and `influence search`.
@Suite("influence index and search")
struct SearchTests {
  let place: Workplace
  let fixture: Fixture

  init() throws {
    place = try Workplace()
    fixture = try Fixture()
  }

  /// Writes an index of the fixture.
  private func index(_ type: String, _ options: [String] = []) throws -> String {
    try place.succeed(
      ["index", fixture.train, "--method", "exact", "--type", type, "--output", type] + options
    ).output
  }

  private func rows(_ table: String) throws -> [[String]] {
    let text = try String(contentsOf: place.file(table), encoding: .utf8)
    return text.split(separator: "\r\n").dropFirst().map { line in
      line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
  }

  @Test(
    "Methods that an index cannot be of are refused before anything is fitted or written",
    arguments: ["less", "rescaled", "trackstar"])
  func refusedMethods(method: String) throws {
    let outcome = try place.run(["index", fixture.train, "--method", method, "--output", "no"])
    #expect(outcome.status != 0 && outcome.errors.contains(method), "\(outcome)")
    #expect(!place.has("no"))
  }

  @Test("A search of float32, and of int8 with re-ranking, is the table of score --top")
  func same() throws {
    try place.succeed(fixture.score("exact", to: "top.csv") + ["--top", "5"])
    let expected = try rows("top.csv")
    #expect(try index("float32").contains("40 rows of float32 by exact"))
    try place.succeed([
      "search", "float32", "--queries", fixture.query, "--top", "5", "--output", "plain.csv",
    ])
    _ = try index("int8")
    let said = try place.succeed([
      "search", "int8", "--queries", fixture.query, "--top", "5", "--rerank", fixture.train,
      "--candidates", "30", "--measure", "3", "--output", "exact.csv",
    ]).output
    #expect(said.contains("top 5 certain for"))
    #expect(said.contains("recall, 3 queries scored on all rows: 100 %"))
    for table in ["plain.csv", "exact.csv"] {
      let found = try rows(table)
      #expect(found.map { Array($0.prefix(5)) } == expected.map { Array($0.prefix(5)) })
      for (one, other) in zip(found, expected) {
        let (score, right) = (try #require(Double(one[6])), try #require(Double(other[6])))
        #expect(abs(score - right) <= 1e-4 * max(abs(right), 1e-3 * abs(score)) + 1e-6)
      }
      let shown = try place.succeed(["top", table, "--query", "2", "--json"]).json()
      #expect(shown["helpful"]?.array?.count == 5)
    }
    let record = try place.json("exact.csv.json")
    #expect(record["method"]?.string == "exact")
    #expect(record["certainty"]?["helpful_per_query"]?.array?.count == Fixture.queryCount)
  }

  @Test("A kept fit gives the same index, and the same re-ranking")
  func fit() throws {
    try place.succeed(["fit", "--train", fixture.train, "--method", "exact", "--output", "fit"])
    _ = try index("float32")
    try place.succeed([
      "index", fixture.train, "--fit", "fit", "--method", "exact", "--output", "kept",
    ])
    let search = ["search", "float32", "--queries", fixture.query, "--rerank", fixture.train]
    let one = try place.succeed(search + ["--json"]).json()
    let other = try place.succeed(search + ["--fit", "fit", "--json"]).json()
    let tops = [one, other].map { json in
      json["results"]?.array?.map { $0["helpful"]?.array?.compactMap { $0["example"]?.integer } }
    }
    #expect(tops[0] != nil && tops[0] == tops[1])
    #expect(try place.succeed(["verify", "kept"]).output.contains("kept"))
    #expect(try place.succeed(["inspect", "kept"]).status == 0)
  }

  @Test("Texts, ids and labels are shown, and rows are chosen by them")
  func labels() throws {
    let writer = try GradientStoreWriter(
      creating: place.file("train"), layout: BlockLayout([("a", [12])]))
    try writer.append(
      [SmallFiles.random(rows: 12, columns: 12, seed: 4)],
      ids: (0..<12).map { "id-\($0)" }, texts: (0..<12).map { "the text \($0)" },
      labels: (0..<12).map { $0.isMultiple(of: 2) ? "even" : "odd" })
    try writer.finish()
    try place.succeed(["index", "train", "--method", "cosine", "--output", "index"])
    let shown = try place.succeed([
      "search", "index", "--queries", "train", "--top", "2", "--where", "label=odd",
    ]).output
    #expect(shown.contains("the text 1") && shown.contains("id-1") && shown.contains("odd"))
    #expect(!shown.contains("even"))
    // What is known says which keys there are.
    for (filter, piece) in [("source=web", "id, label, text"), ("label=neither", "label=neither")] {
      let refused = try place.run([
        "search", "index", "--queries", "train", "--where", filter,
      ])
      #expect(refused.status == 64 && refused.errors.contains(piece))
    }
  }

  @Test("An index is refused as gradients, damaged, of another store, and for other queries")
  func refused() throws {
    _ = try index("int8")
    let asGradients = try place.run([
      "score", "--train", "int8", "--query", fixture.query, "--method", "exact", "--output",
      "o.npy",
    ])
    #expect(asGradients.status == 65 && asGradients.errors.contains("is an index"))
    let other = try place.run([
      "search", "int8", "--queries", fixture.query, "--rerank", fixture.query,
    ])
    #expect(other.status == 65 && other.errors.contains("the number of rows was 40 and is 7"))
    try SmallFiles.write(in: place)
    let blocks = try place.run(["search", "int8", "--queries", "train.safetensors"])
    #expect(blocks.status == 65 && blocks.errors.contains("block"))
    let damaged = place.file("int8/scales.bin")
    var bytes = try Data(contentsOf: damaged)
    bytes[5] ^= 0x10
    try bytes.write(to: damaged)
    let found = try place.run(["search", "int8", "--queries", fixture.query])
    #expect(found.status == 65 && found.errors.contains("scales.bin"))
  }
}
