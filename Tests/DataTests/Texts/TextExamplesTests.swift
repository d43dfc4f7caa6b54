import Data
import Foundation
import TestSupport
import Testing

@Suite("Texts with fields")
struct TextExamplesTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func read(
    _ content: String, in name: String = "e.jsonl", _ fields: TextFields, names: [String]? = nil
  ) throws -> TextExamples {
    try TextExamples(reading: folder.write(content, to: name), fields: fields, labelNames: names)
  }

  @Test(
    "Every kind of file has the same examples, blanks around texts included",
    arguments: [
      (
        "e.jsonl",
        "{\"t\": \"one \", \"u\": \"a\", \"y\": 1}\n\n{\"t\": \"two\", \"u\": \"b\", \"y\": 0}\r\n"
      ),
      (
        "e.ndjson",
        "\u{FEFF}{\"t\": \"one \", \"u\": \"a\", \"y\": \"1\"}\n{\"t\": \"two\", \"u\": \"b\", \"y\": \"0\"}"
      ),
      ("e.json", #"[{"t": "one ", "u": "a", "y": true}, {"t": "two", "u": "b", "y": false}]"#),
      (
        "e.json",
        #"{"rows": [{"row": {"t": "one ", "u": "a", "y": 1}}, {"row": {"t": "two", "u": "b", "y": 0}}]}"#
      ),
      ("e.csv", "y,t, u \n1,one ,a\n0,two,b\n"), ("e.tsv", "y\tt\tu\n1\tone \ta\n0\ttwo\tb"),
    ])
  func kinds(name: String, content: String) throws {
    let examples = try read(content, in: name, TextFields(text: "t", pair: "u", label: "y"))
    #expect(examples.texts == ["one ", "two"] && examples.pairs == ["a", "b"])
    #expect(examples.labels == [1, 0] && examples.labelNames == ["0", "1"])
    #expect(examples.ids == ["0", "1"] && examples.rows == [0, 1] && examples.prompts == nil)
  }

  @Test("Names of classes are sorted, or are those that the caller knows")
  func names() throws {
    let lines = ["bad", "good", "bad", "fair"].map { #"{"t": "x", "y": "\#($0)"}"# + "\n" }.joined()
    let fields = TextFields(text: "t", label: "y")
    let sorted = try read(lines, fields)
    #expect(sorted.labelNames == ["bad", "fair", "good"] && sorted.labels == [0, 2, 0, 1])
    let given = try read(lines, fields, names: ["good", "fair", "bad"])
    #expect(given.labels == [2, 0, 2, 1] && given.labelNames == ["good", "fair", "bad"])
    let numbers = try read(#"{"t": "x", "y": 2}"#, fields, names: ["a", "b", "c"])
    #expect(numbers.labels == [2])
    // Numbers among names are names.
    let mixed = try read("{\"t\": \"x\", \"y\": 1}\n{\"t\": \"x\", \"y\": \"no\"}", fields)
    #expect(mixed.labelNames == ["1", "no"] && mixed.labels == [0, 1])
    // The largest number decides how many classes there are; there are at least two.
    #expect(try read(#"{"t": "x", "y": 4}"#, fields).labelNames.count == 5)
    #expect(try read(#"{"t": "x", "y": 0}"#, fields).labelNames.count == 2)
  }

  @Test("What is wrong is said with its row, its field, and what is there instead")
  func errors() throws {
    let path = folder.file("e.jsonl").path
    func expect(
      _ content: String, _ fields: TextFields, names: [String]? = nil, _ error: DataFileError
    ) {
      #expect(throws: error) { try read(content, fields, names: names) }
    }
    let good = "{\"t\": \"x\", \"y\": 0}\n"
    expect(
      good + #"{"a": 1, "b": 2}"#, TextFields(text: "t"),
      .missingField(path: path, row: 1, field: "t", found: "\"a\", \"b\""))
    expect(
      good + "7", TextFields(text: "t"),
      .missingField(path: path, row: 1, field: "t", found: "an integer"))
    expect(
      good + #"{"t": ["x"], "y": 0}"#, TextFields(text: "t"),
      .wrongField(
        path: path, row: 1, field: "t", expected: "a string or an integer", found: "an array"))
    expect(
      good + #"{"t": "x", "y": null}"#, TextFields(text: "t", label: "y"),
      .wrongField(path: path, row: 1, field: "y", expected: "a string or an integer", found: "null")
    )
    expect(
      good + #"{"t": "x", "y": -1}"#, TextFields(text: "t", label: "y"),
      .wrongField(
        path: path, row: 1, field: "y", expected: "a class from 0 up to 65535, or a name",
        found: "-1"))
    expect(
      good + #"{"t": "x", "y": 65536}"#, TextFields(text: "t", label: "y"),
      .wrongField(
        path: path, row: 1, field: "y", expected: "a class from 0 up to 65535, or a name",
        found: "65536"))
    expect(
      good + #"{"t": "x", "y": "c"}"#, TextFields(text: "t", label: "y"), names: ["a", "b"],
      .wrongField(
        path: path, row: 1, field: "y", expected: "one of the 2 classes \"a\", \"b\"", found: "c"))
    expect(
      good + #"{"t": "y", "y": "0"}"#, TextFields(text: "t", id: "y"),
      .repeatedID(path: path, row: 1, field: "y", id: "0", firstRow: 0))
    expect("\n \n", TextFields(text: "t"), .noRows(path: path))
    #expect(
      throws: DataFileError.noExamples(
        path: folder.file("e.json").path,
        keys: ["train_texts", "texts", "examples", "train", "data", "rows"])
    ) { try read(#"{"a": []}"#, in: "e.json", TextFields(text: "t")) }
    #expect(throws: DataFileError.notFound(path: folder.file("none.jsonl").path)) {
      try TextExamples(reading: folder.file("none.jsonl"), fields: TextFields(text: "t"))
    }
  }

  @Test("Flips are as many as were asked for, none to its own class, and follow from the seed")
  func flips() throws {
    let lines = (0..<50).map { "{\"t\": \"\($0)\", \"y\": \($0 % 3)}\n" }.joined()
    let examples = try read(lines, TextFields(text: "t", label: "y"))
    let (noisy, flipped) = try examples.flippingLabels(fraction: 0.3, seed: 7)
    #expect(flipped.count == 15 && flipped == flipped.sorted() && Set(flipped).count == 15)
    let (labels, others) = (try #require(examples.labels), try #require(noisy.labels))
    #expect(labels.indices.filter { labels[$0] != others[$0] } == flipped)
    #expect(others.allSatisfy { (0..<3).contains($0) })
    #expect(try examples.flippingLabels(fraction: 0.3, seed: 7).noisy == noisy)
    #expect(try examples.flippingLabels(fraction: 0.3, seed: 8).flipped != flipped)
    #expect(noisy.fingerprint != examples.fingerprint)
    #expect(throws: DataError.self) { try examples.flippingLabels(fraction: 1.1, seed: 0) }
    // There is no other class to flip to.
    let alike = try read(#"{"t": "x", "y": "a"}"#, TextFields(text: "t", label: "y"))
    #expect(try alike.flippingLabels(fraction: 0, seed: 0).flipped == [])
    #expect(throws: DataError.self) { try alike.flippingLabels(fraction: 0.5, seed: 0) }
    // Of two classes it is the other one.
    let two = try read(lines, TextFields(text: "t", label: "y"), names: ["0", "1", "2"])
      .selecting((0..<50).filter { $0 % 3 < 2 })
    #expect(two.count == 34 && two.rows[2] == 3 && two.ids[2] == "3")
  }

  @Test("A part held out and the rest are all examples, each in the order of the file")
  func holdingOut() throws {
    let lines = (0..<10).map { "{\"t\": \"\($0)\"}\n" }.joined()
    let examples = try read(lines, TextFields(text: "t"))
    let (kept, out) = try examples.holdingOut(0.25, seed: 3)
    #expect(kept.count == 7 && out.count == 3)
    #expect((kept.rows + out.rows).sorted() == Array(0..<10))
    #expect(kept.rows == kept.rows.sorted() && out.rows == out.rows.sorted())
    #expect(out.texts == out.rows.map(String.init))
    #expect(try examples.holdingOut(0.999, seed: 3).kept.count == 1)
    for share in [0.0, 1, .nan] {
      #expect(throws: DataError.self) { try examples.holdingOut(share, seed: 3) }
    }
    #expect(throws: DataError.self) { try examples.selecting([0]).holdingOut(0.5, seed: 0) }
  }

  @Test(
    "Public data sets have the fields that the documentation names",
    .enabled(if: SharedData.has("data/glue"), SharedData.absent))
  func glue() throws {
    let url = try #require(SharedData.url("data/glue/sst2_dev872.jsonl"))
    let reviews = try TextExamples(
      reading: url, fields: TextFields(text: "sentence", label: "label", id: "idx"))
    #expect(reviews.count == 872 && reviews.labelNames == ["0", "1"] && reviews.ids[0] == "0")
    #expect(reviews.texts[0] == "it 's a charming and often affecting journey . ")
    let pairs = try TextExamples(
      reading: #require(SharedData.url("data/glue/mrpc_dev408.jsonl")),
      fields: TextFields(text: "sentence1", pair: "sentence2", label: "label"))
    #expect(pairs.count == 408 && pairs.pairs?.count == 408)
    let answers = try TextExamples(
      reading: #require(SharedData.url("data/generation/sentence_transformation_train.jsonl")),
      fields: TextFields(text: "answer", prompt: "prompt"))
    #expect(answers.prompts?.first?.hasSuffix("-> ") == true && answers.labels == nil)
  }
}
