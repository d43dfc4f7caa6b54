import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence outliers")
struct OutliersTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try SmallFiles.write(in: place)
    // Row 5 lies far out in the second block.
    try place.writeTensors(
      SmallFiles.tensors { _, second in for column in 0..<5 { second[25 + column] = 20 } },
      to: "far.safetensors")
    try place.write("{\"flipped\": [5]}", to: "flipped.json")
  }

  @Test("The library's values, with a record that says what they are", arguments: ["l1", "l2"])
  func norms(measure: String) throws {
    let outcome = try place.succeed([
      "outliers", "--train", "far.safetensors", "--measure", measure, "--output", "o.npy",
    ])
    #expect(outcome.output.contains("12 values by \(measure) on 17 columns in 2 of 2 blocks"))
    let found = try place.matrix("o.npy").elements
    let expected = try GradientStore(opening: place.file("far.safetensors"))
      .outlierScores(by: measure == "l1" ? .l1 : .l2)
    #expect(found == expected.map { Double(Float($0)) })
    let record = try place.json("o.npy.json")
    #expect(record["format"]?.string == "influencekit-outliers")
    #expect(record["measure"]?.string == measure)
    #expect(record["settings"] == .null)
    #expect(record["top"]?[0]?["row"]?.integer == 5)
  }

  @Test("Isolation forest: settings in the record, the same again, found by the flipped rows")
  func forest() throws {
    let line = [
      "outliers", "--train", "far.safetensors", "--trees", "50", "--sample", "8", "--seed", "3",
      "--flipped", "flipped.json", "--output", "o.npy",
    ]
    let outcome = try place.succeed(line + ["--top", "2"])
    #expect(outcome.output.contains("AUC 1.000"))
    #expect(outcome.output.contains("yes"))
    let record = try place.json("o.npy.json")
    #expect(record["settings"]?["trees"]?.integer == 50)
    #expect(record["settings"]?["sample"]?.integer == 8)
    #expect(record["flipped"]?["auc"]?.number == 1)
    #expect(record["top"]?.array?.count == 2)
    let first = try place.bytes("o.npy")
    try place.succeed(line + ["--threads", "1", "--quiet"])
    #expect(try place.bytes("o.npy") == first)
    let json = try place.succeed(line + ["--json"]).json()
    #expect(json["blocks"]?.strings == ["a", "b"])
  }

  @Test("Blocks are chosen by name or as the last layer")
  func blocks() throws {
    func blocks(_ options: String...) throws -> [String]? {
      try place.succeed(
        [
          "outliers", "--train", "far.safetensors", "--measure", "l2", "--output", "o.npy",
          "--json",
        ]
          + options
      ).json()["blocks"]?.strings
    }
    #expect(try blocks("--blocks-matching", "a") == ["a"])
    #expect(try blocks("--blocks-matching", "a", "--blocks-matching", "b") == ["a", "b"])
    #expect(try blocks("--last-layer") == ["b"])
  }

  @Test("Bad command lines and stores", arguments: Self.bad)
  func refused(invocation: BadInvocation) throws {
    let outcome = try place.run(invocation.words)
    #expect(outcome.status == invocation.status, "\(outcome)")
    let error = try #require(outcome.onlyError, "\(outcome)")
    for piece in invocation.pieces { #expect(error.contains(piece)) }
    #expect(!place.has("o.npy"))
  }

  private static let full = "outliers --train train.safetensors --output o.npy"

  static let bad: [BadInvocation] = [
    .init("outliers --train train.safetensors", 64, "--output"),
    .init("outliers --output o.npy", 64, "--train"),
    .init("\(full) --measure l3", 64, "l3", "isolation-forest"),
    .init("\(full) --trees 0", 64, "--trees 0"),
    .init("\(full) --sample 1", 64, "--sample 1"),
    .init("\(full) --seed -1", 64, "--seed"),
    .init("\(full) --measure l2 --trees 5", 64, "--trees", "isolation-forest"),
    .init("\(full) --top -1", 64, "--top -1"),
    .init("\(full) --threads 0", 64, "--threads 0"),
    .init("\(full) --blocks-matching q", 64, "q", "a, b"),
    .init("\(full) --last-layer --blocks-matching a", 64, "--last-layer", "--blocks-matching"),
    .init("\(full) --flipped outside.json", 65, "outside.json", "99"),
    .init("outliers --train missing --output o.npy", 66, "missing"),
    .init("outliers --train nan.safetensors --output o.npy", 65, "block a", "4, 7"),
    .init("outliers --train empty.safetensors --output o.npy", 65, "no rows"),
    .init("outliers --train train.safetensors --output absent/o.npy", 73, "absent"),
    .init("outliers --train train.safetensors --output o.csv", 64, ".npy"),
  ]
}
