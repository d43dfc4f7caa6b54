import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence suspects")
struct SuspectsCommandTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try place.writeTensors(SmallFiles.tensors(), to: "train.safetensors")
    try place.writeTensors(SmallFiles.tensors(rows: 3), to: "query.safetensors")
    // Rows 0 and 1 are one text with two labels.
    let texts =
      ["the very same text", "The very same text!"] + (2..<12).map { "text number \($0)" }
    try place.write(
      texts.enumerated().map {
        "{\"id\": \"e\($0)\", \"sentence\": \"\($1)\", \"label\": \($0 % 2)}\n"
      }.joined(), to: "examples.jsonl")
    try place.write("{\"flipped\": [0, 7]}", to: "flipped.json")
  }

  private let line = [
    "suspects", "--train", "train.safetensors", "--query", "query.safetensors", "--examples",
    "examples.jsonl",
  ]

  @Test("Rankings, texts, labels, pairs with two labels, and a table that programs open")
  func whole() throws {
    let outcome = try place.succeed(
      line + ["--flipped", "flipped.json", "--top", "8", "--output", "s.csv"])
    for part in [
      "12 training rows, 3 queries; 6 rankings", "all together", "AUC", "left out: loss",
      "The rankings agree on", "2 wrong labels are known",
      "1 pair of nearly the same texts (of 1) with different labels", "the very same text",
      "s.csv: the first 8 suspects",
    ] {
      #expect(outcome.output.contains(part), "\(part)")
    }
    let table = try TableFile(reading: place.file("s.csv"), keepsBlanks: true)
    #expect(
      table.columns == [
        "place", "example", "id", "label", "suggested", "mean_place", "high_in", "duplicate",
        "cosine", "exact", "datainf", "self-influence", "gradient-norm", "isolation-forest", "text",
      ])
    #expect(table.rows.count == 8)
    #expect(table.rows.map { $0[0] } == (1...8).map(String.init))
    for row in table.rows {
      let example = try #require(Int(row[1]))
      #expect(row[2] == "e\(example)" && row[3] == "\(example % 2)")
      #expect(row[7] == (example == 0 ? "1" : example == 1 ? "0" : ""))
    }
    let record = try place.json("s.csv.json")
    #expect(record["format"]?.string == "influencekit-suspects")
    #expect(record["rankings"]?.array?.count == 6)
    #expect(record["near_duplicates_with_other_labels"]?[0]?["rows"]?[1]?.integer == 1)
    let expected = try Suspects(
      in: GradientStore(opening: place.file("train.safetensors")),
      queries: GradientStore(opening: place.file("query.safetensors")))
    #expect(table.rows.map { $0[1] } == expected.order.prefix(8).map(String.init))
    let json = try place.succeed(line + ["--json", "--top", "8"]).json()
    #expect(json["suspects"]?.array?.count == 8)
    #expect(json["suspects"]?[0]?["text"]?.string != nil)
  }

  @Test("Wrong labels that are known only to the user do not change the order")
  func order() throws {
    func rows(_ more: [String]) throws -> [String] {
      try place.succeed(line + more + ["--top", "12", "--output", "s.csv", "--quiet"])
      return try TableFile(reading: place.file("s.csv"), keepsBlanks: true).rows.map { $0[1] }
    }
    #expect(try rows([]) == rows(["--flipped", "flipped.json"]))
  }

  @Test(
    "What does not go together is refused before any work",
    arguments: [
      (["--rankings", "losses"], 64, "there is no such ranking"),
      (["--aggregate", "none"], 64, "normalized-mean"), (["--top", "0"], 64, "--top"),
      (["--rankings", "loss"], 65, "records no losses"),
      (["--label", "labels"], 65, "no field \"labels\""),
    ])
  func refused(options: [String], status: Int32, part: String) throws {
    let outcome = try place.run(line + options)
    #expect(outcome.status == status)
    #expect(outcome.errors.contains(part))
  }

  @Test("Texts, ids and labels are shown by self, outliers, group, subset and top")
  func elsewhere() throws {
    let texts = ["--examples", "examples.jsonl"]
    let train = ["--train", "train.safetensors"]
    for command in [
      ["self"] + train + ["--method", "exact", "--output", "o.npy"],
      ["outliers"] + train + ["--output", "outliers.npy"],
      ["group"] + train + ["--query", "query.safetensors", "--rows", "3", "4"],
      ["subset"] + train + ["--query", "query.safetensors", "--size", "2"],
      ["top", "o.npy"], ["top", "outliers.npy"],
    ] {
      let output = try place.succeed(command + texts).output
      #expect(output.contains("label") && output.contains("text number"), "\(command)")
      #expect(output.contains(" e3 ") || output.contains("text number"), "\(command)")
    }
    let json = try place.succeed(["top", "o.npy", "--json", "--count", "2"] + texts).json()
    #expect(json["largest"]?.array?.count == 2)
    #expect(json["largest"]?[0]?["id"]?.string?.hasPrefix("e") == true)
    #expect(try place.run(["top", "o.npy", "--query", "0"]).status == 64)
  }

  @Test("An import keeps ids, texts and labels, and goes on only with the same")
  func kept() throws {
    try place.succeed(
      ["import", "train.safetensors", "store", "--examples", "examples.jsonl", "--quiet"])
    let lines = String(decoding: try place.bytes("store/examples.jsonl"), as: UTF8.self)
      .split(separator: "\n")
    #expect(lines.count == 12)
    #expect(lines[3] == #"{"row":3,"id":"e3","text":"text number 3","label":"1"}"#)
    let output = try place.succeed(
      ["suspects", "--train", "store", "--query", "query.safetensors"]
    ).output
    #expect(output.contains("text number"))
    try place.succeed(["verify", "store"])
    try place.write("[\"one\"]", to: "short.json")
    let outcome = try place.run(["import", "train.safetensors", "b", "--examples", "short.json"])
    #expect(outcome.status == 65 && outcome.errors.contains("12 training rows"))
    #expect(!place.has("b"))
  }
}
