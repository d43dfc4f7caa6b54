import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence tokens", .serialized)
struct TokensCommandTests {
  let place: Workplace

  init() throws {
    place = try Workplace(inMemory: ())
    try TinyModels.trainOnReviews(in: place)
    try gradients("train.jsonl", to: "train")
    try gradients("query.jsonl", to: "query")
  }

  private static let fields = ["--text", "sentence", "--label", "label"]

  private func gradients(_ data: String, to output: String, _ more: [String] = []) throws {
    try place.succeed(
      ["gradients", "--model", "bert", "--adapter", "adapter", "--data", data] + Self.fields
        + more + ["--output", output])
  }

  private func arguments(
    data: String = "train.jsonl", train: String = "train", query: String = "query",
    _ more: [String] = []
  ) -> [String] {
    ["tokens", "--model", "bert", "--adapter", "adapter", "--data", data] + Self.fields
      + ["--train", train, "--query", query] + more
  }

  private func json(_ arguments: [String]) throws -> OrderedJSON {
    try OrderedJSON(
      parsing: Array(try place.succeed(arguments + ["--json"]).output.utf8), path: "output")
  }

  @Test(
    "Shares of the top texts sum to the scores that score writes, by any method",
    arguments: ["datainf", "exact", "hessian-free", "cosine", "relatif-theta", "lissa"])
  func sums(method: String) throws {
    try place.succeed([
      "score", "--train", "train", "--query", "query", "--method", method, "--output", "s.npy",
    ])
    let scores = try NumpyFile(opening: place.file("s.npy")).matrix(as: Double.self)
    let result = try json(arguments(["--query-row", "2", "--method", method, "--top", "3"]))
    let examples = try #require(result["examples"]?.array)
    #expect(
      examples.map { $0["side"]?.string } == ["helpful", "harmful"].flatMap { [$0, $0, $0] })
    let order = (0..<scores.columns).sorted { scores[2, $0] > scores[2, $1] }
    #expect(examples.prefix(3).map { $0["example"]?.integer } == Array(order.prefix(3)))
    #expect(examples.suffix(3).map { $0["example"]?.integer } == Array(order.suffix(3).reversed()))
    for example in examples {
      let row = try #require(example["example"]?.integer)
      let tokens = try #require(example["tokens"]?.array)
      let shares = tokens.compactMap { $0["share"]?.number }
      let sum = shares.reduce(0, +)
      let size = shares.reduce(0) { $0 + abs($1) }
      #expect(shares.count == tokens.count && tokens.first?["text"]?.string == "[CLS]")
      #expect(abs(sum - scores[2, row]) < 1e-4 * size)
    }
  }

  @Test("A report shades the tokens of its first method's cards")
  func report() throws {
    let model = ["--model", "bert", "--adapter", "adapter"] + Self.fields
    let stores = ["report", "--train", "train", "--query", "query", "--output", "r.html"]
    try place.succeed(stores + model + ["--data", "train.jsonl", "--queries", "2", "--quiet"])
    let page = try String(decoding: place.bytes("r.html"), as: UTF8.self)
    let isShaded = page.contains("<span class=\"tk p") && page.contains("[CLS]")
    #expect(isShaded)
    let outcome = try place.run(stores + model + ["--data", "query.jsonl"])
    #expect(outcome.status == 65 && outcome.errors.contains("query.jsonl"))
  }

  @Test("The mean query, chosen rows, tables and marks")
  func forms() throws {
    let output = try place.succeed(
      arguments(["--rows", "7", "3", "--output", "tokens.csv"])
    ).output
    #expect(output.contains("the mean query") && output.contains("given rows"))
    #expect(output.contains("1. row 7, labelled ") && output.contains("2. row 3, labelled "))
    #expect(output.contains("shares sum to the scores within") && output.contains("[CLS]"))
    #expect(!output.contains("\u{1B}"))
    let table = try CSVLines(String(decoding: place.bytes("tokens.csv"), as: UTF8.self))
    #expect(table.header == "side,rank,example,id,score,position,token_id,token,share")
    #expect(table.rows.filter { $0.hasPrefix("given,1,7,7,") }.count > 2)
    let record = try place.json("tokens.csv.json")
    #expect(record["format"]?.string == "influencekit-tokens")
    #expect(record["query_row"] == .null)
    #expect(try #require(record["largest_difference"]?.number) < 1e-4)
    let colored = try place.succeed(arguments(["--top", "1", "--color", "always"])).output
    #expect(colored.contains("\u{1B}[48;5;75m") || colored.contains("\u{1B}[48;5;209m"))
  }

  private struct CSVLines {
    let header: String
    let rows: [String]

    init(_ text: String) throws {
      let lines = text.components(separatedBy: "\r\n").filter { !$0.isEmpty }
      header = try #require(lines.first)
      rows = Array(lines.dropFirst())
    }
  }

  @Test(
    "Stores of other types and measures, groups of blocks, and kept fits",
    arguments: [
      (["--dtype", "bfloat16"], []), (["--dtype", "int8"], []), (["--measure", "margin"], []),
      ([], ["--blocks", "layer"]), ([], ["--fit", "kept"]),
    ])
  func kinds(writing: [String], asking: [String]) throws {
    try gradients("train.jsonl", to: "other", writing)
    try gradients("query.jsonl", to: "asked", writing)
    if asking.contains("--fit") {
      try place.succeed([
        "fit", "--train", "other", "--method", "exact", "--output", "kept",
      ])
    }
    let result = try json(
      arguments(train: "other", query: "asked", asking + ["--method", "exact"]))
    let isNarrow = writing.contains("--dtype")
    #expect(try #require(result["largest_difference"]?.number) < (isNarrow ? 0.05 : 1e-4))
  }

  @Test("Where there are few texts, none is helpful and harmful at once")
  func few() throws {
    let result = try json(
      arguments(data: "query.jsonl", train: "query", ["--query-row", "1", "--top", "5"]))
    let examples = try #require(result["examples"]?.array)
    #expect(examples.count == 6)
    #expect(Set(examples.compactMap { $0["example"]?.integer }).count == 6)
    for example in examples {
      let score = try #require(example["score"]?.number)
      #expect((score >= 0) == (example["side"]?.string == "helpful"))
    }
  }

  @Test("A model of the next token, with the answer's loss")
  func continuations() throws {
    try TinyModels.writeLlama(to: "llama", in: place)
    let lines = ["abc", "bca", "cab", "acb"].map {
      #"{"q": "\#($0)", "a": "\#($0.reversed().map(String.init).joined())"}"#
    }
    try place.write(lines.joined(separator: "\n"), to: "pairs.jsonl")
    let common = ["--model", "llama", "--data", "pairs.jsonl", "--prompt", "q", "--text", "a"]
    try place.succeed(
      ["finetune"] + common + ["--epochs", "2", "--learning-rate", "1e-2", "--output", "lora"])
    try place.succeed(["gradients"] + common + ["--adapter", "lora", "--output", "pairs"])
    let result = try json(
      ["tokens"] + common
        + ["--adapter", "lora", "--train", "pairs", "--query", "pairs", "--query-row", "1"])
    for example in try #require(result["examples"]?.array) {
      let tokens = try #require(example["tokens"]?.array)
      #expect(tokens.last?["share"]?.number == 0)
      let row = try #require(example["example"]?.integer)
      let text = tokens.compactMap { $0["text"]?.string }.joined()
      #expect(text.hasPrefix(["abc", "bca", "cab", "acb"][row]))
    }
  }

  @Test("What a model answers to prompts is a query")
  func generated() throws {
    try TinyModels.writeLlama(to: "llama", in: place)
    let prompts = ["abc", "bca", "c"].map { #"{"q": "\#($0)", "a": "ab", "name": "to \#($0)"}"# }
    try place.write(prompts.joined(separator: "\n"), to: "pairs.jsonl")
    let model = ["--model", "llama", "--data", "pairs.jsonl", "--prompt", "q"]
    try place.succeed(
      ["finetune"] + model + ["--text", "a", "--epochs", "1", "--output", "lora"])
    let asking = ["gradients"] + model + ["--adapter", "lora", "--output", "answers"]
    try place.succeed(asking + ["--generate", "4", "--id", "name"])
    let store = try GradientStore(opening: place.file("answers"))
    #expect(store.count == 3 && store.recordsNorms)
    #expect(try store.exampleIDs() == ["to abc", "to bca", "to c"])
    let texts = try store.exampleTexts(ofRows: [0, 1, 2])
    #expect(texts[0]?.hasPrefix("abc") == true && texts[2]?.hasPrefix("c") == true)
    let again = try place.run(asking + ["--generate", "5", "--id", "name"])
    #expect(again.status != 0 && again.errors.contains("its origin"))
    for (more, part) in [
      (["--text", "a", "--generate", "4"], "--text is about texts of the file"),
      (["--loss-on", "all", "--generate", "4"], "--loss-on"), (["--generate", "0"], "--generate"),
    ] {
      let refused = try place.run(asking.dropLast() + ["other"] + more)
      #expect(refused.status == 64 && refused.errors.contains(part))
      #expect(!place.has("other"))
    }
  }

  @Test("What does not belong together is refused by name")
  func refusals() throws {
    func refusal(_ arguments: [String]) throws -> String {
      let outcome = try place.run(arguments)
      #expect(outcome.status != 0)
      return outcome.errors
    }
    let texts = try TinyModels.reviews(30, seed: 9)
    try place.write(texts, to: "others.jsonl")
    #expect(try refusal(arguments(data: "others.jsonl")).contains("as --data"))
    #expect(try refusal(arguments(data: "query.jsonl")).contains("it holds 6 texts"))
    #expect(try refusal(arguments(["--query-row", "6"])).contains("use 0 to 5"))
    #expect(try refusal(arguments(["--query-row", "-1"])).contains("from 0"))
    #expect(try refusal(arguments(["--rows", "30"])).contains("use 0 to 29"))
    #expect(try refusal(arguments(["--top", "0"])).contains("--top"))
    #expect(try refusal(arguments(["--top", "2", "--rows", "3"])).contains("--rows"))
    #expect(try refusal(arguments(["--rows", "3", "3"])).contains("twice"))
    #expect(try refusal(arguments(["--loss-reduction", "sum"])).contains("written with mean"))
    #expect(try refusal(arguments(["--max-length", "4"])).contains("encoded otherwise"))
    try place.succeed(
      ["finetune", "--model", "bert", "--data", "train.jsonl"] + Self.fields
        + ["--epochs", "1", "--seed", "5", "--output", "second"])
    var changed = arguments()
    changed[4] = "second"
    #expect(try refusal(changed).contains("as --adapter"))
    try gradients("train.jsonl", to: "members/train", ["--dropout-members", "2"])
    #expect(
      try refusal(arguments(train: "members/1/train", query: "members/1/train"))
        .contains("under dropout"))
    // A store that remembers nothing is found out by its sums.
    let store = try GradientStore(opening: place.file("train"))
    let writer = try GradientStoreWriter(creating: place.file("foreign"), layout: store.layout)
    for row in (0..<store.count).reversed() {
      try writer.append(
        store.layout.blocks.indices.map {
          Matrix(try store.rows(row..<row + 1, of: $0, as: Float.self))
        })
    }
    try writer.finish()
    #expect(try refusal(arguments(train: "foreign")).contains("sum to"))
  }
}
