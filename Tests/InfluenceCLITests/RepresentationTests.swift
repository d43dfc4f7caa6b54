import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("Methods on representations")
struct RepresentationTests {
  let place: Workplace

  init() throws {
    place = try Workplace(inMemory: ())
    try place.succeed([
      "gradients", "--model", "perceptron", "--train", "60", "--queries", "12", "--hidden", "6",
      "--epochs", "4", "--representations", "--output", "g", "--quiet",
    ])
  }

  private func score(_ method: String, _ output: String, _ options: [String] = []) -> [String] {
    [
      "score", "--train", "g/train", "--query", "g/query", "--method", method, "--output", output,
    ] + options
  }

  @Test(
    "Scores, their mean, signs, and few queries at a time are those of the library",
    arguments: ["rps", "knn-shapley", "knn-shapley:k=2"])
  func scores(method: String) throws {
    let training = try Representations(opening: place.file("g/train"))
    let queries = try Representations(opening: place.file("g/query"))
    #expect(training.features.columns == 6 && training.count == 60 && queries.count == 12)
    #expect(training.head?.regularization == 0.01 && queries.head == nil)
    let library = try #require(try RepresentationCatalog.method(method))
    let expected = try library.scores(of: queries, on: training).values
    let rounding = Bound.relative(Double(Float.ulpOfOne))
    let output = try place.succeed(score(method, "s.npy")).output
    #expect(output.contains("12 × 60 scores by \(library.name), positive is helpful"))
    expectClose(try place.matrix("s.npy"), expected, bound: rounding)
    let record = try place.json("s.npy.json")
    #expect(record["method"]?.string == library.name)
    #expect(record["train"]?["rows"]?.integer == 60)
    try place.succeed(score(method, "b.npy", ["--memory", "4kB"]))
    expectClose(try place.matrix("b.npy"), expected, bound: rounding)
    try place.succeed(
      score(
        method, "m.npy", ["--aggregate", "mean", "--convention", "influence", "--memory", "9kB"]))
    var mean = expected.meanRow()
    mean.scale(by: -1)
    expectClose(try place.matrix("m.npy"), mean, bound: rounding)
    try place.succeed(score(method, "t.csv", ["--top", "2"]))
    let lines = String(decoding: try place.bytes("t.csv"), as: UTF8.self).split(
      whereSeparator: \.isNewline)
    try #require(lines.count == 1 + 12 * 4)
    let best = try #require((0..<60).max { (expected[0, $0], $1) < (expected[0, $1], $0) })
    #expect(lines[1].split(separator: ",", omittingEmptySubsequences: false)[4] == "\(best)")
    // By the files themselves.
    try place.succeed([
      "score", "--train", "g/train/representations.safetensors", "--query",
      "g/query/representations.safetensors", "--method", method, "--output", "f.npy",
    ])
    #expect(try place.bytes("f.npy") == place.bytes("s.npy"))
  }

  @Test("Self-influence of representer points, and none of neighbours")
  func own() throws {
    try place.succeed(["self", "--train", "g/train", "--method", "rps", "--output", "o.npy"])
    let training = try Representations(opening: place.file("g/train"))
    expectClose(
      try place.matrix("o.npy").elements, try RepresenterPoints().selfInfluence(on: training),
      bound: .relative(Double(Float.ulpOfOne)))
    let none = try place.run([
      "self", "--train", "g/train", "--method", "knn-shapley", "--output", "n.npy",
    ])
    #expect(none.status == 64 && !place.has("n.npy"))
    #expect(try #require(none.onlyError).contains("no self-influence"))
  }

  @Test("Compared with methods on gradients")
  func compare() throws {
    let words = [
      "compare", "--train", "g/train", "--query", "g/query", "--flipped", "g/flipped.json",
      "--methods", "knn-shapley", "datainf", "rps", "--output", "run",
    ]
    let output = try place.succeed(words).output
    for name in ["knn-shapley", "datainf", "rps", "exact"] {
      #expect(output.contains("\n\(name) "))
    }
    let record = try place.json("run/run.json")
    let methods = try #require(record["methods"]?.array)
    #expect(methods.map { $0["method"]?.string } == ["knn-shapley", "datainf", "rps", "exact"])
    // Only methods on gradients have residuals, and each its own.
    #expect(
      methods.map { $0["relative_residual_median"]?.number == nil } == [true, false, true, false])
    let residual = try #require(methods[3]["relative_residual_median"]?.number)
    #expect(residual < 1e-3)
    #expect(methods[0]["damping"]?.string == nil)
    let again = try place.succeed(["compare", "--repeat", "run"]).output
    #expect(again.contains("all 4 score files are the same bit for bit"))
  }

  @Test(
    "What is missing or has no meaning is said",
    arguments: [
      ("--damping 0.2", 64, "--damping"), ("--side query", 64, "--side"),
      ("--blocks layer", 64, "--blocks"), ("--precision double", 64, "--precision"),
      ("--certificate", 64, "--certificate"), ("--per-block", 64, "--per-block"),
    ])
  func options(options: String, status: Int32, piece: String) throws {
    let outcome = try place.run(
      score("rps", "o.npy", options.split(separator: " ").map(String.init)))
    #expect(outcome.status == status && !place.has("o.npy"))
    let message = try #require(outcome.onlyError)
    #expect(message.contains(piece) && message.contains("representations"), "\(message)")
  }

  @Test("Stores without representations, or with another store's")
  func inputs() throws {
    try place.succeed([
      "gradients", "--model", "softmax", "--train", "20", "--queries", "5", "--output", "n",
      "--quiet",
    ])
    func failure(_ words: [String], _ status: Int32) throws -> String {
      let outcome = try place.run(words + ["--method", "rps", "--output", "o.npy"])
      #expect(outcome.status == status, "\(outcome)")
      return try #require(outcome.onlyError)
    }
    #expect(
      try failure(["score", "--train", "n/train", "--query", "g/query"], 65)
        .contains("--representations"))
    #expect(
      try failure(["score", "--train", "missing", "--query", "g/query"], 66).contains("missing"))
    #expect(
      try failure(["score", "--train", "g/query", "--query", "g/query"], 65)
        .contains("no last layer"))
    try FileManager.default.copyItem(
      at: place.file("g/train/representations.safetensors"),
      to: place.file("n/train/representations.safetensors"))
    #expect(
      try failure(["score", "--train", "n/train", "--query", "g/query"], 65)
        .contains("60 rows beside 20"))
    let compare = try place.run([
      "compare", "--train", "n/train", "--query", "n/query", "--methods", "rps", "--output", "run",
    ])
    #expect(compare.status == 65 && !place.has("run"))
    for words in [
      ["fit", "--train", "g/train", "--output", "f"],
      ["group", "--train", "g/train", "--query", "g/query", "--rows", "1"],
      ["plan", "--train", "g/train", "--query", "g/query"],
    ] {
      let outcome = try place.run(words + ["--method", "knn-shapley"])
      #expect(outcome.status == 64, "\(outcome)")
      #expect(try #require(outcome.onlyError).contains("representations of the last layer"))
    }
  }
}
