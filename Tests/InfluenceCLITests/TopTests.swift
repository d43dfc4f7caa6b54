import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence top")
struct TopTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    // Ties in row 1: among equals the smaller index comes first.
    let scores: [Float] = [0.5, -2, 3, 0, 1, 1, 2, 2, 1, -1]
    try place.writeArray(Matrix(rows: 2, columns: 5, elements: scores), to: "scores.npy")
  }

  private func indices(_ json: OrderedJSON, _ key: String) throws -> [Int] {
    try #require(json[key]?.array).compactMap { $0["example"]?.integer }
  }

  private func top(_ arguments: String...) throws -> OrderedJSON {
    try place.succeed(["top", "scores.npy", "--json"] + arguments).json()
  }

  @Test("Most helpful first, most harmful first")
  func order() throws {
    let json = try top("--query", "0", "--count", "3")
    #expect(try indices(json, "helpful") == [2, 4, 0])
    #expect(try indices(json, "harmful") == [1, 3, 0])
    #expect(json["helpful"]?[0]?["score"]?.number == 3)
    #expect(json["harmful"]?[0]?["score"]?.number == -2)
    #expect(json["helpful"]?[0]?["text"] == .null)
    #expect(json["convention"]?.string == "helpful")
    #expect(json["query"]?.integer == 0)
  }

  @Test("The only query need not be named; one of several must be")
  func onlyQuery() throws {
    let one = Matrix(rows: 1, columns: 3, elements: [1, -2, 3] as [Float])
    try place.writeArray(one, to: "one.npy")
    let json = try place.succeed(["top", "one.npy", "--json"]).json()
    #expect(try indices(json, "helpful") == [2, 0, 1] && json["query"]?.integer == 0)
    #expect(try place.succeed(["top", "one.npy"]).output.contains("one.npy: query 0"))

    let fixture = try Fixture()
    try place.succeed(
      fixture.score("exact", to: "mean.csv") + ["--aggregate", "mean", "--top", "2"])
    try place.succeed(fixture.score("exact", to: "all.csv") + ["--top", "2"])
    let named = try place.succeed(["top", "mean.csv", "--query", "0"]).output
    #expect(try place.succeed(["top", "mean.csv"]).output == named)
    for name in ["scores.npy", "all.csv"] {
      let refused = try place.run(["top", name])
      #expect(refused.status == 64)
      let error = try #require(refused.onlyError)
      #expect(error.contains(name) && error.contains("--query"), "\(error)")
    }
  }

  @Test("Among equal scores the smaller index comes first, in both lists")
  func ties() throws {
    let json = try top("--query", "1")
    #expect(try indices(json, "helpful") == [1, 2, 0, 3, 4])
    #expect(try indices(json, "harmful") == [4, 0, 3, 1, 2])
  }

  @Test("A count beyond the examples shows them all")
  func count() throws {
    let json = try top("--query", "0", "--count", "100")
    #expect(try indices(json, "helpful").count == 5)
    #expect(try indices(json, "harmful").count == 5)
  }

  @Test("The sign comes from the option, or from the record, which no option contradicts")
  func convention() throws {
    let json = try top("--query", "0", "--count", "2", "--convention", "influence")
    #expect(try indices(json, "helpful") == [1, 3])
    // Scores are shown as they are stored.
    #expect(json["helpful"]?[0]?["score"]?.number == -2)

    let fixture = try Fixture()
    for convention in ["helpful", "influence"] {
      try place.succeed(
        fixture.score("exact", to: "\(convention).npy") + ["--convention", convention])
    }
    func ranked(_ name: String) throws -> OrderedJSON {
      try place.succeed(["top", "\(name).npy", "--query", "3", "--json"]).json()
    }
    let (one, other) = (try ranked("helpful"), try ranked("influence"))
    #expect(other["convention"]?.string == "influence")
    #expect(try indices(one, "helpful") == indices(other, "helpful"))
    #expect(try indices(one, "harmful") == indices(other, "harmful"))

    let outcome = try place.run([
      "top", "influence.npy", "--query", "3", "--convention", "helpful",
    ])
    #expect(outcome.status == 64)
    #expect(outcome.onlyError?.contains("says influence") == true)
  }

  @Test(
    "Texts come from an array, objects, an object of arrays, or a line each",
    arguments: [
      ("texts.json", #"["zero", "one", "two", "three", "four"]"#),
      ("objects.json", #"[{"text":"zero"},{"text":"one"},{"text":"two"},{"text":"three"},"four"]"#),
      ("keyed.json", #"{"labels": [1], "texts": ["zero", "one", "two", "three", "four"]}"#),
      (
        "train.json",
        #"{"train_texts": ["zero", "one", "two", "three", "four"], "query_texts": []}"#
      ),
      (
        "examples.json",
        #"{"examples": [{"prompt":"zero"},{"sentence":"one"},{"input":"two"},"three","four"]}"#
      ),
      (
        "lines.jsonl",
        "{\"text\":\"zero\"}\n{\"text\":\"one\"}\n\"two\"\n\"three\"\n{\"text\":\"four\"}\n"
      ),
    ])
  func texts(name: String, contents: String) throws {
    try place.write(contents, to: name)
    let json = try top("--query", "0", "--count", "2", "--examples", name)
    #expect(json["helpful"]?.array?.compactMap { $0["text"]?.string } == ["two", "four"])
    #expect(json["harmful"]?.array?.compactMap { $0["text"]?.string } == ["one", "three"])
  }

  @Test("Text for people: two tables, long texts cut, nothing that steers a terminal")
  func text() throws {
    let long = String(repeating: "long ", count: 60)
    let texts = [
      "plain", "red \u{1B}[31m and\rback", "two\nlines", long, "größer, 日本語",
    ].map { OrderedJSON.string($0) }
    try place.write(try OrderedJSON.array(texts).serialized(), to: "texts.json")
    let outcome = try place.succeed([
      "top", "scores.npy", "--query", "0", "--examples", "texts.json",
    ])
    let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.first == "scores.npy: query 0, 5 training examples; positive scores are helpful")
    #expect(lines.contains("most helpful") && lines.contains("most harmful"))
    #expect(lines.allSatisfy { $0.count <= 100 && $0.last != " " })
    #expect(!outcome.output.contains("\u{1B}") && !outcome.output.contains("\r"))
    #expect(outcome.output.contains("größer, 日本語"))
    #expect(outcome.output.contains("two\\nlines"))
    #expect(outcome.errors.isEmpty)
  }

  @Test("A vector is one query")
  func vector() throws {
    try NumpyFile.write([1, 3, 2] as [Float], to: place.file("vector.npy"))
    let json = try place.succeed(["top", "vector.npy", "--query", "0", "--json"]).json()
    #expect(try indices(json, "helpful") == [1, 2, 0])
  }

  @Test(
    "A record that does not belong to the scores is refused, and so is a query of self-influence")
  func records() throws {
    let fixture = try Fixture()
    try place.succeed(fixture.score("hessian-free", to: "real.npy"))
    try place.writeArray(SmallFiles.random(rows: 2, columns: 3, seed: 5), to: "real.npy")
    let stale = try place.run(["top", "real.npy", "--query", "0"])
    #expect(stale.status == 65)
    #expect(stale.onlyError?.contains("real.npy.json is not that of this file") == true)
    // Those of earlier versions have no checksum, but a shape.
    try place.write(
      #"{"format": "influencekit-scores", "rows": 7, "columns": 40}"#, to: "earlier.json")
    try place.writeArray(SmallFiles.random(rows: 2, columns: 3, seed: 5), to: "earlier.npy")
    let earlier = try place.run(["top", "earlier.npy", "--query", "0"])
    #expect(earlier.status == 65)
    #expect(earlier.onlyError?.contains("2 × 3") == true)
    #expect(earlier.onlyError?.contains("7 × 40") == true)

    try place.succeed([
      "self", "--train", fixture.train, "--method", "exact", "--output", "self.npy",
    ])
    let outcome = try place.run(["top", "self.npy", "--query", "0"])
    #expect(outcome.status == 64)
    #expect(outcome.onlyError?.contains("about no query") == true)
    let largest = try place.succeed(["top", "self.npy", "--count", "3", "--json"]).json()
    let values = try place.matrix("self.npy").elements
    let expected = values.indices.sorted { (values[$1], $0) < (values[$0], $1) }.prefix(3)
    #expect(largest["largest"]?.array?.map { $0["example"]?.integer } == expected.map { $0 })
  }
}
