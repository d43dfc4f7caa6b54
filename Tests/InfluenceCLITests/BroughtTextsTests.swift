import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Texts, tables and stores of other programs.
@Suite("What other programs wrote")
struct BroughtTextsTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try place.writeTensors(SmallFiles.tensors(), to: "train.safetensors")
    try place.writeTensors(SmallFiles.tensors(rows: 3), to: "query.safetensors")
    try place.writeArray(Matrix(rows: 1, columns: 2, elements: [1, -1]), to: "s.npy")
  }

  /// The texts of the best and the worst of two examples.
  private func texts(_ content: String, in name: String, field: String? = nil) throws -> [String?] {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    try place.write(mark + Array(content.utf8), to: name)
    let json = try place.succeed(
      ["top", "s.npy", "--query", "0", "--count", "1", "--examples", name, "--json"]
        + (field.map { ["--text", $0] } ?? [])
    ).json()
    return [json["helpful"]?[0]?["text"]?.string, json["harmful"]?[0]?["text"]?.string]
  }

  @Test(
    "Texts are read from every kind of file, with marks, and with either end of lines",
    arguments: [
      ("e.json", #"[{"text": "one"}, {"text": "two"}]"#), ("e.json", #"["one", "two"]"#),
      ("e.json", #"{"data": [{"prompt": "one"}, {"prompt": "two"}]}"#),
      ("e.json", #"{"rows": [{"row_idx": 0, "row": {"text": "one"}}, {"row": {"text": "two"}}]}"#),
      ("e.jsonl", "{\"text\": \"one\"}\r\n{\"text\": \"two\"}\r\n"),
      ("e.jsonl", "{\"text\": \"one\"}\n\n{\"text\": \"two\"}"), ("e.txt", "one\r\ntwo\r\n"),
      ("e.txt", "one\ntwo"), ("e.csv", "label,text\r\n1,one\r\n0,two\r\n"),
      ("e.csv", "label;text\n1;one\n0;two\n"), ("e.tsv", "label\ttext\n1\tone\n0\ttwo\n"),
      ("e.csv", ",text\n0,\"one\"\n1,two\n"),
    ])
  func files(name: String, content: String) throws {
    #expect(try texts(content, in: name) == ["one", "two"])
  }

  @Test("A field may be named; one that is missing is an error that names the others")
  func field() throws {
    let rows = #"[{"text": "x", "answer": "one"}, {"text": "y", "answer": "two"}]"#
    #expect(try texts(rows, in: "e.json", field: "answer") == ["one", "two"])
    #expect(try texts("a,b\none,1\ntwo,2\n", in: "e.csv", field: "a") == ["one", "two"])
    let chats = #"[{"c": [{"content": "one"}]}, {"c": [{"from": "x", "value": "two"}]}]"#
    #expect(try texts(chats, in: "e.json", field: "c") == ["one", "two"])
    let outcome = try place.run([
      "top", "s.npy", "--query", "0", "--examples", "e.json", "--text", "answer",
    ])
    #expect(outcome.status == 65)
    let message = try #require(outcome.onlyError)
    #expect(message.contains("no field \"answer\"") && message.contains("\"c\""))
    #expect(try place.run(["top", "s.npy", "--query", "0", "--text", "a"]).status == 64)
  }

  @Test("The table of --top has texts and ids, and top shows them again")
  func top() throws {
    try place.write(
      (0..<12).map { "{\"text\": \"=text, \($0)\"}\n" }.joined(), to: "texts.jsonl")
    let command = [
      "score", "--train", "train.safetensors", "--query", "query.safetensors", "--method", "exact",
      "--top", "2", "-q", "--examples", "texts.jsonl", "--output", "top.csv",
    ]
    try place.succeed(command)
    let lines = try String(decoding: place.bytes("top.csv"), as: UTF8.self)
      .split(whereSeparator: \.isNewline)
    #expect(lines.first == "query,query_id,side,rank,example,id,score,text")
    #expect(lines.count == 13 && lines.dropFirst().allSatisfy { $0.contains("\"'=text, ") })
    let json = try place.succeed(["top", "top.csv", "--query", "1", "--json"]).json()
    let example = try #require(json["helpful"]?[0]?["example"]?.integer)
    #expect(json["helpful"]?[0]?["text"]?.string == "=text, \(example)")
    #expect(try place.succeed(["top", "top.csv", "--query", "1"]).output.contains("=text, "))
    try place.write("one\ntwo\n", to: "few.txt")
    let few = try place.run(command.map { $0 == "texts.jsonl" ? "few.txt" : $0 })
    #expect(few.status == 65 && few.errors.contains("2 examples, but there are 12"))
    #expect(
      try place.run(command.filter { $0 != "--top" && $0 != "2" }).status == 64)
  }

  @Test("Names of blocks with a beginning of their own are said, and imported without it")
  func prefix() throws {
    let renamed = SmallFiles.tensors(rows: 3).map {
      Workplace.Tensor(name: "base_model.model." + $0.name, shape: $0.shape, rows: $0.rows)
    }
    try place.writeTensors(renamed, to: "peft.safetensors")
    func score(_ query: String) throws -> Program.Outcome {
      try place.run([
        "score", "--train", "train.safetensors", "--query", query, "--method", "exact",
        "--output", "p.npy", "-q",
      ])
    }
    let message = try #require(try score("peft.safetensors").onlyError)
    #expect(message.contains("--strip-prefix") && message.contains("base_model.model."))
    let strip = ["--strip-prefix", "base_model.model."]
    try place.succeed(["import", "peft.safetensors", "plain"] + strip)
    #expect(try score("plain").status == 0)
    try place.succeed(["import", "peft.safetensors", "b", "--select-blocks", "b"] + strip)
    #expect(try GradientStore(opening: place.file("b")).layout.blocks.map(\.name) == ["b"])
    let adapted = SmallFiles.tensors(rows: 3).map {
      Workplace.Tensor(name: $0.name + ".default", shape: $0.shape, rows: $0.rows)
    }
    try place.writeTensors(adapted, to: "adapter.safetensors")
    let part = try #require(try score("adapter.safetensors").onlyError)
    #expect(part.contains("--strip-part") && part.contains("\"default\""))
    try place.succeed(["import", "adapter.safetensors", "saved", "--strip-part", "default"])
    #expect(try score("saved").status == 0)
    let wrong = try place.run(["import", "adapter.safetensors", "n", "--strip-part", "other"])
    #expect(wrong.status == 65 && wrong.errors.contains("\"other\"") && !place.has("n"))
    let none = try place.run(["import", "peft.safetensors", "n", "--select-blocks", "x*"])
    #expect(none.status == 65 && none.errors.contains("\"x*\"") && !place.has("n"))
  }

  @Test("Token gradients name the option that sums them")
  func tokens() throws {
    try place.write([0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 128, 63], to: "t/gradients.bin")
    try place.write(
      """
      {"attribute_tokens": true, "num_items": 2, "num_grads": 3, "grad_sizes": {"a": 1}, \
      "base_dtype": "float32"}
      """, to: "t/info.json")
    var header = "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }"
    header += String(repeating: " ", count: 117 - header.utf8.count) + "\n"
    let numbers: [UInt8] = [0, 2, 3].flatMap { [$0] + [UInt8](repeating: 0, count: 7) }
    let start = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0]
    try place.write(start + Array(header.utf8) + numbers, to: "t/offsets.npy")
    let refused = try place.run(["import", "t", "sums"])
    #expect(refused.status == 65 && refused.errors.contains("--sum-tokens"))
    try place.succeed(["import", "t", "sums", "--sum-tokens"])
    let store = try GradientStore(opening: place.file("sums"))
    #expect(Matrix(try store.rows(0..<2, of: 0, as: Float.self)).elements == [3, 1])
  }

  private func subset(_ content: String, _ more: [String]) throws -> Program.Outcome {
    try place.write([0xEF, 0xBB, 0xBF] + Array(content.utf8), to: "table.csv")
    return try place.run(
      ["subset", "--data", "table.csv", "--label", "y", "--point", "1", "--size", "2"] + more)
  }

  @Test("Tables with semicolons, tabs, an index and carriage returns are the same table")
  func tables() throws {
    let rows = [("0", "1"), ("1", "2.5"), ("2", "2"), ("3", "4.5"), ("4", "4"), ("6", "20")]
    func table(_ separator: String, end: String = "\n", index: Bool = false) -> String {
      let lines = [("x", "y")] + rows
      return lines.enumerated().map { place, row in
        let first = index ? (place == 0 ? "" : "\(place - 1)") + separator : ""
        return first + row.0 + separator + row.1 + end
      }.joined()
    }
    let model = ["--model", "least-squares", "--json"]
    let plain = try #require(try subset(table(","), model).json()["search"])
    for text in [
      table(";"), table("\t"), table(",", end: "\r\n"), table(",", index: true),
      table(";", end: "\r\n", index: true), table("\t", index: true),
    ] {
      let outcome = try subset(text, model)
      #expect(outcome.status == 0, "\(outcome)")
      #expect(try outcome.json()["search"] == plain)
    }
  }

  @Test("Two classes may have any names and numbers")
  func classes() throws {
    func table(_ first: String, _ second: String) -> String {
      let labels = [0, 0, 1, 0, 1, 1, 1, 1]
      return "x,z,y\n"
        + labels.enumerated().map { row, label in
          "\(row),\(row * row % 3),\(label == 0 ? first : second)\n"
        }.joined()
    }
    let model = ["--model", "logistic", "--json"]
    let plain = try subset(table("0", "1"), model).json()
    #expect(plain["classes"]?.kind == "null")
    for (first, second) in [("no", "yes"), ("-1", "1"), ("9", "10")] {
      let json = try subset(table(first, second), model).json()
      #expect(json["search"] == plain["search"] && json["before"] == plain["before"])
      #expect(json["classes"]?.array?.compactMap(\.string) == [first, second])
    }
    let text = try subset(table("no", "yes"), ["--model", "logistic"])
    #expect(text.output.contains("yes") || text.output.contains("no\n"))
    let three = try subset("x,y\n1,a\n2,b\n3,c\n4,a\n", model)
    #expect(three.status == 65 && three.errors.contains("3 classes"))
    let words = try subset(table("no", "yes"), ["--model", "least-squares"])
    #expect(words.status == 65)
  }
}
