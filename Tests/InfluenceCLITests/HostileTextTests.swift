import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Names, ids, texts, cells and titles that would steer a terminal, a page or a spreadsheet.
@Suite("Hostile text")
struct HostileTextTests {
  let place: Workplace

  static let steering = "\u{1B}[2J\u{7}\r\n\u{9B}31m\u{202E}\u{2066}\u{200F}"

  init() throws { place = try Workplace() }

  /// Whether nothing acts on a terminal but the ends of lines, and no line begins as one of the file's would.
  private func expectInert(_ outcome: Program.Outcome, _ command: [String]) {
    for text in [outcome.output, outcome.errors] {
      #expect(
        !text.unicodeScalars.contains { $0.isActive && $0 != "\n" }, "\(command): \(outcome)")
      #expect(!text.split(separator: "\n").contains { $0.hasPrefix("forged") }, "\(command)")
    }
  }

  /// Stores whose blocks and examples have such names, one block dead, and one row of `nan` not finite.
  private func writeStores() throws -> [String] {
    let names = ["a", "dead"].map { "\($0)\(Self.steering)\0\nforged" }
    let rows = SmallFiles.random(rows: 6, columns: 12, seed: 1)
    let zeros = Matrix<Float>(rows: 6, columns: 3, elements: [Float](repeating: 0, count: 18))
    let layout = BlockLayout([(name: names[0], shape: [12]), (name: names[1], shape: [3])])
    for store in ["train", "query"] {
      let writer = try GradientStoreWriter(creating: place.file(store), layout: layout)
      try writer.append(
        [rows, zeros], ids: (0..<6).map { "=cmd|'\($0)'!A0\(Self.steering)\nforged" })
      try writer.finish()
    }
    var spoiled = rows
    spoiled[2, 1] = .nan
    try place.writeTensors(
      [.init(name: names[0], shape: [12], rows: spoiled)], to: "nan.safetensors")
    try place.writeTensors(
      [.init(name: "b" + names[0], shape: [12], rows: rows)], to: "other.safetensors")
    return names
  }

  @Test("Names of blocks and ids of examples reach no terminal as they are")
  func stores() throws {
    let names = try writeStores()
    try place.write(
      OrderedJSON(dictionaryLiteral: (names[0], .list(names))).serialized(), to: "groups.json")
    try place.write(
      OrderedJSON(dictionaryLiteral: (names[0], .list([names[1] + "x"]))).serialized(),
      to: "wrong.json")
    try place.write(
      OrderedJSON.array((0..<6).map { _ in .string(names[0]) }).serialized(), to: "texts.json")
    let inputs = ["--train", "train", "--query", "query"]
    let healthy = [
      ["inspect", "train"], ["inspect", "train", "--spectrum"], ["inspect", "train", "--json"],
      ["verify", "train"], ["verify", "train", "--json"],
      ["import", "train", "imported", "--json"],
      ["import", "train", "narrow", "--dtype", "float16"], ["merge", "merged", "train", "query"],
      ["project", "train", "small", "--kind", "sjlt", "--dimension", "2", "--json"],
      ["plan", "--method", "exact,datainf", "--no-time"] + inputs,
      ["score", "--method", "exact", "--output", "scores.npy"] + inputs,
      ["score", "--method", "exact", "--blocks", "groups.json", "--output", "g.npy"] + inputs,
      ["score", "--method", "exact", "--top", "3", "--output", "top.csv"] + inputs,
      ["top", "scores.npy", "--query", "1", "--examples", "texts.json"],
      ["top", "top.csv", "--query", "1"], ["top", "top.csv", "--query", "1", "--json"],
      ["self", "--train", "train", "--method", "exact", "--output", "self.npy"],
      ["fit", "--train", "train", "--method", "exact", "--output", "kept"],
      ["verify", "kept"], ["compare", "--output", "run"] + inputs,
      ["outliers", "--train", "train", "--output", "outliers.npy"],
    ]
    for command in healthy { expectInert(try place.succeed(command), command) }
    let wrong = [
      ["inspect", "nan.safetensors"], ["inspect", "nan.safetensors", "--json"],
      ["score", "--train", "nan.safetensors", "--query", "nan.safetensors", "--method", "exact"],
      ["score", "--train", "train", "--query", "other.safetensors", "--method", "exact"],
      ["score", "--method", "exact", "--blocks", "wrong.json"] + inputs,
      ["compare", "--blocks", "wrong.json"] + inputs,
      ["outliers", "--train", "train", "--blocks-matching", names[1].filter { $0 != "\0" } + "x"],
      ["top", "\(Self.steering).npy", "--query", "0"], [Self.steering],
      ["score", "--method", Self.steering] + inputs,
    ]
    for command in wrong {
      let isScore = ["score", "outliers"].contains(command[0])
      let outcome = try place.run(command + (isScore ? ["--output", "x.npy"] : []))
      expectInert(outcome, command)
      #expect(command[0] == "inspect" || outcome.onlyError != nil, "\(command): \(outcome)")
    }
  }

  @Test("Ids in a table of scores are no formulas, and come back as they were")
  func tableOfScores() throws {
    _ = try writeStores()
    try place.succeed([
      "score", "--train", "train", "--query", "query", "--method", "exact", "--top", "1",
      "--output", "top.csv",
    ])
    let table = try String(decoding: place.bytes("top.csv"), as: UTF8.self)
    #expect(!table.contains(",=") && !table.contains("\"="))
    #expect(table.contains("\"'=cmd|'0'!A0"))
    let shown = try place.succeed(["top", "top.csv", "--query", "0", "--json"]).json()
    #expect(
      shown["helpful"]?[0]?["id"]?.string == "=cmd|'0'!A0\(Self.steering)\nforged")
  }

  @Test("A group that does not fit the store is told with the file that it stands in")
  func rightFile() throws {
    _ = try writeStores()
    try place.write("{\"group\": [\"absent\"]}", to: "wrong.json")
    let inputs = ["--train", "train", "--query", "query", "--blocks", "wrong.json"]
    for command in [
      ["score", "--method", "exact", "--output", "x.npy"] + inputs, ["compare"] + inputs,
      ["project", "train", "x", "--kind", "sjlt", "--dimension", "2", "--blocks", "wrong.json"],
    ] {
      let outcome = try place.run(command)
      #expect(outcome.status == 65)
      #expect(outcome.onlyError?.hasPrefix("wrong.json, as groups of ") ?? false, "\(outcome)")
    }
  }

  @Test("The title of an experiment is text in its summary and on the terminal")
  func experiment() throws {
    let title = #"\e[2J\a\r\n# forged\n\n<script>x</script> [a](b) \u202Eturned `code`"#
    let experiment = """
      experiment: approximation-error
      title: "\(title)"
      seeds: 1
      ranks: [1]
      methods: [hessian-free, datainf]
      data: {base: 50, training: 80, validation: 20, test: 20}
      model: {hidden: [8], epochs: 2, base-epochs: 2}
      """
    try place.write(experiment, to: "hostile.yaml")
    let run = ["experiment", "run", "hostile.yaml", "--output", "run"]
    expectInert(try place.succeed(run), run)
    let summary = try String(decoding: place.bytes("run/summary.md"), as: UTF8.self)
    #expect(!summary.unicodeScalars.contains { $0.isActive && $0 != "\n" })
    #expect(!summary.contains("\n# forged") && summary.hasPrefix(#"# \\u{1B}\[2J"#))
    #expect(summary.contains(#"\<script>x\</script> \[a\](b) \\u{202E}turned \`code\`"#))
    for wrong in [
      experiment + "\n\"\(title)\": 1", experiment + "\nloss: \"\(title)\"",
      "experiment: \"\(title)\"", experiment + "\n\u{1B}[2J: [", experiment + "\n\"\(title)",
    ] {
      try place.write(wrong, to: "wrong.yaml")
      let outcome = try place.run(["experiment", "run", "wrong.yaml", "--output", "wrong"])
      expectInert(outcome, [wrong])
      #expect(outcome.onlyError?.contains("wrong.yaml") ?? false, "\(outcome)")
    }
  }

  @Test("Cells and columns of a table reach no terminal as they are, and errors name the file")
  func cells() throws {
    let tables = [
      "y,x\n1,\(Self.steering)", "y,\u{1B}[2J\u{202E}\n1,zwei", "\u{202E}y,x\n1,2",
      "y,x\n\u{0},2\n1,\u{9B}2J", "y,x,\"\u{1B}]0;title\u{7}\"\n1,2\n", "\u{1B}",
    ]
    for table in tables {
      try place.write(table, to: "table.csv")
      for command in [
        [
          "subset", "--data", "table.csv", "--label", "y", "--model", "least-squares", "--point",
          "0", "--size", "1",
        ],
        [
          "gradients", "--data", "table.csv", "--label", "y", "--model", "softmax", "--output",
          "grads",
        ],
      ] {
        let outcome = try place.run(command)
        expectInert(outcome, [table] + command)
        #expect(outcome.onlyError?.contains("table.csv") ?? false, "\(table): \(outcome)")
      }
    }
  }
}
