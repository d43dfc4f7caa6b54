import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Files as people bring them, and numbers that mean nothing.
@Suite("What people bring")
struct BroughtFilesTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try place.writeTensors(SmallFiles.tensors(), to: "train.safetensors")
    try place.writeTensors(SmallFiles.tensors(rows: 3), to: "query.safetensors")
  }

  private func compare(flipped text: String) throws -> Program.Outcome {
    try place.write(text, to: "flipped.json")
    return try place.run([
      "compare", "--train", "train.safetensors", "--query", "query.safetensors", "--methods",
      "exact", "--flipped", "flipped.json", "--json", "--output", "run-\(UUID().uuidString)",
    ])
  }

  @Test("A mask of wrong labels is the list of its rows, as numbers and as booleans")
  func masks() throws {
    let rows = try compare(flipped: "[2, 7]")
    for mask in [
      "[0,0,1,0,0,0,0,1,0,0,0,0]",
      "{\"flipped\": [false,false,true,false,false,false,false,true,false,false,false,false]}",
    ] {
      let outcome = try compare(flipped: mask)
      #expect(outcome.status == 0, "\(outcome)")
      #expect(try outcome.json()["flipped"] == rows.json()["flipped"])
      #expect(
        try outcome.json()["methods"]?[0]?["flipped_auc"]
          == rows.json()["methods"]?[0]?["flipped_auc"])
    }
  }

  @Test(
    "Lists that repeat a row, masks of another length and empty masks are refused",
    arguments: ["[2, 7, 2]", "[0, 1, 0]", "[true, false]", "[0,0,0,0,0,0,0,0,0,0,0,0]"])
  func unusableMasks(text: String) throws {
    let outcome = try compare(flipped: text)
    #expect(outcome.status != 0)
    #expect(outcome.errors.contains("flipped"))
  }

  @Test("A record stays with its array")
  func records() throws {
    func score(_ output: String, _ more: [String] = []) throws -> Program.Outcome {
      try place.run(
        [
          "score", "--train", "train.safetensors", "--query", "query.safetensors", "--method",
          "exact", "--output", output, "-q",
        ] + more)
    }
    #expect(try score("a.npy").status == 0)
    #expect(try score("a.csv", ["--top", "2"]).status == 0)
    let record = try place.json("a.npy.json")
    #expect(record["results"]?["shape"]?.integers == [3, 12])
    #expect(record["results"]?["bytes"]?.integer == (try place.bytes("a.npy").count))
    #expect(try place.json("a.csv.json")["format"]?.string == "influencekit-top-scores")
    // The same results may be written again.
    #expect(try score("a.npy").status == 0)
  }

  @Test(
    "A record of other results, and one that was changed, are refused with both names",
    arguments: ["a.npy", "a.csv"])
  func otherResults(name: String) throws {
    func score(_ method: String, _ output: String) throws {
      let isTable = output.hasSuffix("csv")
      try place.succeed(
        [
          "score", "--train", "train.safetensors", "--query", "query.safetensors", "--method",
          method, "--output", output, "-q",
        ] + (isTable ? ["--top", "2"] : []))
    }
    func top() throws -> Program.Outcome { try place.run(["top", name, "--query", "0"]) }
    let other = name.replacing("a.", with: "b.")
    try score("exact", name)
    try score("hessian-free", other)
    let (own, foreign) = (try place.bytes("\(name).json"), try place.bytes("\(other).json"))
    try place.write(Array(foreign), to: "\(name).json")
    let mixed = try top()
    #expect(mixed.status == 65)
    #expect(mixed.onlyError?.contains("/\(name): the record") == true, "\(mixed)")
    #expect(mixed.onlyError?.contains("\(name).json is not that of this file") == true)

    var edited = String(decoding: own, as: UTF8.self)
    edited.replace("\"convention\": \"helpful\"", with: "\"convention\": \"influence\"")
    try place.write(edited, to: "\(name).json")
    let changed = try top()
    #expect(changed.status == 65)
    #expect(changed.onlyError?.contains("\(name).json: damaged or edited") == true, "\(changed)")

    // The same record in another layout is still its record, and another file of the name is none.
    let compact = try OrderedJSON(parsing: Array(own)).serialized()
    try place.write(compact, to: "\(name).json")
    #expect(try top().status == 0)
    try place.write("[1, 2]", to: "\(name).json")
    #expect(try top().status == 0)
  }

  @Test(
    "Records of earlier versions, named after the stem, are read, and go when results are written anew"
  )
  func earlierRecords() throws {
    try place.writeArray(SmallFiles.random(rows: 3, columns: 12, seed: 3), to: "old.npy")
    let record: OrderedJSON = [
      "format": "influencekit-scores", "version": 1, "convention": "influence", "rows": 3,
      "columns": 12,
    ]
    try place.write(try record.serialized(), to: "old.json")
    let shown = try place.succeed(["top", "old.npy", "--query", "0", "--json"]).json()
    #expect(shown["convention"]?.string == "influence")
    // That of a table is not the array's.
    let table = record.adding(["format": "influencekit-top-scores"])
    try place.write(try table.serialized(), to: "old.json")
    let alone = try place.succeed(["top", "old.npy", "--query", "0", "--json"]).json()
    #expect(alone["convention"]?.string == "helpful")
    for (json, remains) in [(record, false), (table, true)] {
      try place.write(try json.serialized(), to: "old.json")
      try place.succeed([
        "self", "--train", "train.safetensors", "--method", "exact", "--output", "old.npy", "-q",
      ])
      #expect(place.has("old.json") == remains)
      #expect(place.has("old.npy.json"))
    }
  }

  @Test(
    "Texts are found in rows as Alpaca, Dolly and chats have them",
    arguments: [
      (#"{"instruction": "add", "input": "", "output": "x"}"#, "add"),
      (#"{"instruction": "add", "input": "2 and 3", "output": "5"}"#, "add ⏎ 2 and 3"),
      (#"{"instruction": "why", "context": "", "response": "x"}"#, "why"),
      (#"{"id": "d_1", "messages": [{"role": "user", "content": "hi"}]}"#, "hi"),
      (#"{"conversations": [{"from": "human", "value": "so"}]}"#, "so"),
      (#"{"text": "plain", "id": "7"}"#, "plain"),
    ])
  func texts(line: String, expected: String) throws {
    try place.writeArray(Matrix(rows: 1, columns: 2, elements: [1, -1]), to: "s.npy")
    try place.write("\(line)\n\(line)\n", to: "examples.jsonl")
    let json = try place.succeed([
      "top", "s.npy", "--query", "0", "--count", "1", "--examples", "examples.jsonl", "--json",
    ]).json()
    #expect(json["helpful"]?[0]?["text"]?.string == expected)
  }

  @Test("Queries without a gradient are named, and top says that their order means nothing")
  func zeroQueries() throws {
    try place.writeTensors(
      SmallFiles.tensors(rows: 3) { first, second in
        for column in 0..<12 { first[12 + column] = 0 }
        for column in 0..<5 { second[5 + column] = 0 }
      }, to: "zero.safetensors")
    let outcome = try place.succeed([
      "score", "--train", "train.safetensors", "--query", "zero.safetensors", "--method", "exact",
      "--output", "z.npy",
    ])
    #expect(
      outcome.errors.contains("1 query has a zero gradient") && outcome.errors.contains("rows 1"))
    #expect(try place.json("z.npy.json")["warnings"]?.array?.count == 1)
    let top = try place.succeed(["top", "z.npy", "--query", "1"])
    #expect(top.errors.contains("means nothing"))
    #expect(try place.succeed(["top", "z.npy", "--query", "0"]).errors.isEmpty)
  }

  @Test("Shards are in the order of the numbers in their names")
  func shardOrder() throws {
    for (name, value) in [("rank_1", 1), ("rank_2", 2), ("rank_10", 10)] as [(String, Float)] {
      let writer = try GradientStoreWriter(
        creating: place.file("shards/\(name)"), layout: BlockLayout([("a", [2])]))
      try writer.append([Matrix(rows: 1, columns: 2, elements: [value, value])])
      try writer.finish()
    }
    let store = try GradientStore(opening: place.file("shards"))
    let rows = try store.rows(0..<3, of: 0, as: Float.self)
    #expect(Matrix(rows).elements == [1, 1, 2, 2, 10, 10])
  }

  @Test("Curvature in the folder of a file of gradients is used")
  func curvatureBesideFile() throws {
    let kronecker = [("a", 4, 3), ("b", 1, 5)].map { block, inputs, outputs in
      (
        block: block,
        factors: KroneckerFactors(
          activations: .identity(inputs), outputGradients: .identity(outputs))
      )
    }
    try StoredCurvature(kronecker: kronecker).write(to: place.url)
    let outcome = try place.run([
      "score", "--train", "train.safetensors", "--query", "query.safetensors", "--method", "kfac",
      "--output", "k.npy",
    ])
    #expect(outcome.status == 0, "\(outcome)")
  }

  @Test("A bias longer than the projection stays whole")
  func longBias() throws {
    try place.succeed([
      "project", "train.safetensors", "small", "--kind", "logra", "--factor-dimension", "2",
    ])
    let store = try GradientStore(opening: place.file("small"))
    #expect(store.layout.blocks.map(\.shape) == [[2, 2], [5]])
  }
}
