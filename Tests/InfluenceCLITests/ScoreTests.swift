import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence score and self")
struct ScoreTests {
  let place: Workplace
  let fixture: Fixture

  init() throws {
    place = try Workplace()
    fixture = try Fixture()
  }

  /// Scores are computed in double precision and rounded once, to float32.
  ///
  /// That is half an ulp of the largest. What double precision loses, 40 · 707 · ulp(1), is far below.
  private static let rounding = Bound.backward(order: 1, in: Float.self)

  static let closed = ["hessian-free", "block-normalized", "datainf", "exact"]

  private static func key(_ method: String) -> String { method.replacing("-", with: "_") }

  @Test("Scores of the closed forms are those of the numpy program", arguments: closed)
  func closedForms(method: String) throws {
    try place.succeed(fixture.score(method) + ["--precision", "double"])
    let scores = try place.matrix("scores.npy")
    #expect(try NumpyFile(opening: place.file("scores.npy")).descriptor == "<f4")
    expectClose(
      scores, try fixture.expected("scores.\(Self.key(method))"), bound: Self.rounding)
  }

  /// Products of float32 rows of at most 96 numbers, then a solve of condition 707 at most.
  @Test("Scores in single precision, the default", arguments: closed)
  func single(method: String) throws {
    try place.succeed(fixture.score(method))
    expectClose(
      try place.matrix("scores.npy"), try fixture.expected("scores.\(Self.key(method))"),
      bound: .backward(order: 96, condition: method == "exact" ? 707 : 1, in: Float.self))
  }

  @Test(
    "Iterative methods come within their own certificate of exact",
    arguments: ["lissa", "lissa:depth=50", "cg", "cg:tolerance=1e-10,steps=500", "exact"])
  func certificates(method: String) throws {
    try place.succeed(fixture.score(method) + ["--precision", "double"])
    let scores = try place.matrix("scores.npy")
    let exact = try fixture.expected("scores.exact")
    let largest = exact.elements.lazy.map(abs).max() ?? 0
    let record = try place.json("scores.npy.json")
    let certificate = try #require(record["certificate"])
    let bounds = try #require(certificate["score_error_bound_per_query"]?.array)
    #expect(bounds.count == Fixture.queryCount)
    #expect(certificate["relative_residual_per_query"]?.array?.count == Fixture.queryCount)
    for (query, bound) in bounds.enumerated() {
      let bound = try #require(bound.number)
      expectClose(
        Array(scores[row: query]), Array(exact[row: query]),
        bound: .absolute(bound + 4 * Double(Float.ulpOfOne) * largest), "query \(query)")
    }
  }

  @Test("The influence convention is the helpful one with the other sign", arguments: closed)
  func conventions(method: String) throws {
    try place.succeed(fixture.score(method, to: "helpful.npy"))
    try place.succeed(
      fixture.score(method, to: "influence.npy") + ["--convention", "influence"])
    let helpful = try place.matrix("helpful.npy").elements
    #expect(try place.matrix("influence.npy").elements == helpful.map { -$0 })
    #expect(try place.json("helpful.npy.json")["convention"]?.string == "helpful")
    #expect(try place.json("influence.npy.json")["convention"]?.string == "influence")
  }

  @Test(
    "Scores for the mean query are the mean of the scores",
    arguments: ["hessian-free", "block-normalized", "datainf", "exact", "lissa:depth=20"])
  func mean(method: String) throws {
    try place.succeed(fixture.score(method, to: "all.npy") + ["--precision", "double"])
    try place.succeed(
      fixture.score(method, to: "mean.npy") + ["--precision", "double", "--aggregate", "mean"])
    let all = try place.matrix("all.npy")
    let mean = try place.matrix("mean.npy")
    #expect(try NumpyFile(opening: place.file("mean.npy")).shape == [1, Fixture.exampleCount])
    // Scores for one query may be larger than for the mean, and are rounded before they are averaged.
    let largest = all.elements.lazy.map(abs).max() ?? 0
    expectClose(
      mean, all.meanRow(), bound: .backward(order: 1, scale: largest, in: Float.self))
    #expect(try place.json("mean.npy.json")["aggregate"]?.string == "mean")
    #expect(try place.json("mean.npy.json")["rows"]?.integer == 1)
  }

  @Test("The record holds what a reader needs")
  func record() throws {
    try place.succeed(fixture.score("cg:tolerance=1e-4,steps=60") + ["--damping", "0.1"])
    let record = try place.json("scores.npy.json")
    #expect(record["format"]?.string == "influencekit-scores")
    #expect(record["version"]?.integer == 1)
    #expect(record["method"]?.string == "cg")
    #expect((record["settings"]?["tolerance"]?.string).flatMap(Double.init) == 1e-4)
    #expect(record["settings"]?["steps"]?.string == "60")
    #expect(record["damping"]?.string == "0.1")
    #expect(record["convention"]?.string == "helpful")
    #expect(record["positive_means"]?.string?.contains("lowers") == true)
    #expect(record["aggregate"]?.string == "none")
    #expect(record["rows"]?.integer == Fixture.queryCount)
    #expect(record["columns"]?.integer == Fixture.exampleCount)
    #expect(record["precision"]?.string == "single")
    for (name, rows) in [("train", Fixture.exampleCount), ("query", Fixture.queryCount)] {
      let input = try #require(record[name])
      #expect(input["rows"]?.integer == rows)
      #expect(input["columns"]?.integer == 303)
      #expect(input["dtype"]?.string == "float32")
      #expect(input["kind"]?.string == "safetensors")
      #expect(input["path"]?.string == (name == "train" ? fixture.train : fixture.query))
      let checksum = try #require(input["crc32c"]?.string)
      #expect(checksum.count == 8 && checksum.allSatisfy(\.isHexDigit))
    }
    #expect((record["seconds"]?["fit"]?.number ?? -1) >= 0)
    #expect((record["seconds"]?["score"]?.number ?? -1) >= 0)
    // One block of the fixture is dead, and says so.
    let warnings = try #require(record["warnings"]?.strings)
    #expect(warnings.contains { $0.contains("encoder.1.value.lora_A.weight") })
    for field in ["influencekit", "linear_algebra", "system"] {
      #expect(record["versions"]?[field]?.string?.isEmpty == false)
    }
    #expect((record["versions"]?["threads"]?.integer ?? 0) > 0)
    #expect(record["command"]?[0]?.string == "score")
  }

  @Test("λ of every block is in the record", arguments: [("0.1", 1.0), ("0.05", 0.5)])
  func dampings(argument: String, share: Double) throws {
    try place.succeed(fixture.score("exact") + ["--damping", argument])
    let record = try place.json("scores.npy.json")
    let facts = try fixture.facts()
    let blocks = try #require(record["blocks"]?.array)
    let expected = try #require(facts["lambda"])
    #expect(blocks.count == 5)
    for block in blocks {
      let name = try #require(block["name"]?.string)
      let shape = try #require(block["shape"]?.integers)
      let lambda = try #require(expected[name]?.number)
      #expect(block["reason"]?.string?.isEmpty == false)
      if lambda == 0 {
        #expect(block["lambda"] == .null)
        #expect(block["side"] == .null)
      } else {
        // The mean of 40 sums of d squares.
        expectClose(
          try #require(block["lambda"]?.number), share * lambda,
          bound: .backward(order: 40 + shape.reduce(1, *)))
        #expect(["score", "query"].contains(block["side"]?.string))
      }
    }
  }

  @Test("An absolute damping is the same in every live block")
  func absoluteDamping() throws {
    try place.succeed(fixture.score("exact") + ["--damping", "absolute:1e-3"])
    let record = try place.json("scores.npy.json")
    #expect(record["damping"]?.string == "absolute:0.001")
    let lambdas = try #require(record["blocks"]?.array).compactMap { $0["lambda"]?.number }
    #expect(lambdas == [1e-3, 1e-3, 1e-3, 1e-3])
  }

  /// 190 kB leave room for three queries at a time: 47 kB over 15.5 kB a query.
  @Test("Queries scored a few at a time give the same rows", arguments: closed)
  func batches(method: String) throws {
    try place.succeed(fixture.score(method) + ["--memory", "190kB"])
    expectClose(
      try place.matrix("scores.npy"), try fixture.expected("scores.\(Self.key(method))"),
      bound: .backward(order: 96, condition: method == "exact" ? 707 : 1, in: Float.self))
    let record = try place.json("scores.npy.json")
    let residuals = record["certificate"]?["relative_residual_per_query"]?.array
    #expect(residuals?.count == Fixture.queryCount)
  }

  @Test("Without a certificate the scores are the same")
  func withoutCertificate() throws {
    try place.succeed(fixture.score("datainf", to: "with.npy"))
    try place.succeed(fixture.score("datainf", to: "without.npy") + ["--no-certificate"])
    #expect(try place.bytes("with.npy") == place.bytes("without.npy"))
    #expect(try place.json("without.npy.json")["certificate"] == .null)
  }

  @Test("One thread gives the same bytes", arguments: ["exact", "cg"])
  func threads(method: String) throws {
    try place.succeed(fixture.score(method, to: "one.npy") + ["--threads", "1"])
    try place.succeed(fixture.score(method, to: "two.npy") + ["--threads", "2"])
    #expect(try place.bytes("one.npy") == place.bytes("two.npy"))
    #expect(try place.json("one.npy.json")["versions"]?["threads"]?.integer == 1)
  }

  @Test("Paths are relative to the current directory, or absolute")
  func paths() throws {
    try place.makeFolder("data")
    try place.makeFolder("results")
    let files = FileManager.default
    try files.copyItem(atPath: fixture.train, toPath: place.file("data/train.safetensors").path)
    try files.copyItem(atPath: fixture.query, toPath: place.file("data/query.safetensors").path)
    let arguments = [
      "score", "--train", "data/train.safetensors", "--query", "./data/../data/query.safetensors",
      "--method", "exact", "--output",
    ]
    try place.succeed(arguments + ["results/relative.npy"])
    try place.succeed(arguments + [place.file("absolute.npy").path])
    try place.succeed(fixture.score("exact", to: "here.npy"))
    #expect(try place.bytes("results/relative.npy") == place.bytes("here.npy"))
    #expect(try place.bytes("absolute.npy") == place.bytes("here.npy"))
    #expect(place.has("results/relative.npy.json") && place.has("absolute.npy.json"))
    #expect(try place.names().allSatisfy { !$0.hasPrefix(".") })
  }

  @Test("Results replace earlier results, and --quiet prints nothing but warnings")
  func replaces() throws {
    try place.succeed(fixture.score("hessian-free"))
    let first = try place.bytes("scores.npy")
    let outcome = try place.succeed(fixture.score("exact") + ["--quiet"])
    #expect(try place.bytes("scores.npy") != first)
    #expect(try place.json("scores.npy.json")["method"]?.string == "exact")
    #expect(outcome.output.isEmpty)
    #expect(outcome.errorLines.allSatisfy { $0.hasPrefix("warning: ") })
  }

  @Test("Self-influence is that of the numpy program", arguments: closed)
  func selfInfluence(method: String) throws {
    let outcome = try place.succeed([
      "self", "--train", fixture.train, "--method", method, "--output", "self.npy",
      "--precision", "double",
    ])
    let file = try NumpyFile(opening: place.file("self.npy"))
    #expect(file.shape == [Fixture.exampleCount])
    #expect(file.descriptor == "<f4")
    let expected = try fixture.expected("self.\(Self.key(method))").elements
    expectClose(try place.matrix("self.npy").elements, expected, bound: Self.rounding)
    let record = try place.json("self.npy.json")
    #expect(record["format"]?.string == "influencekit-self-influence")
    #expect(record["method"]?.string == method)
    #expect(record["rows"]?.integer == Fixture.exampleCount)
    #expect(record["train"]?["crc32c"]?.string?.count == 8)
    #expect(record["blocks"]?.array?.count == 5)
    // The largest is named first.
    let largest = try #require(expected.indices.max { expected[$0] < expected[$1] })
    #expect(outcome.output.contains("largest: \(largest) ("))
  }
}
