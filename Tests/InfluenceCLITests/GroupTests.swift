import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence group")
struct GroupTests {
  let place: Workplace

  init() throws {
    place = try Workplace(inMemory: ())
    try SmallFiles.write(in: place)
  }

  private let words = [
    "group", "--train", "train.safetensors", "--query", "query.safetensors", "--method", "exact",
  ]

  @Test("First order is the sum of the scores over n")
  func firstOrder() throws {
    let json = try place.succeed(words + ["--rows", "1", "4", "9", "--json"]).json()
    try place.succeed([
      "score", "--train", "train.safetensors", "--query", "query.safetensors", "--method", "exact",
      "--output", "s.npy",
    ])
    let scores = try place.matrix("s.npy")
    let first = try #require(json["first_order"]?.array?.compactMap { $0.number })
    let expected = (0..<3).map { query in
      [1, 4, 9].reduce(0) { $0 + scores[query, $1] } / 12
    }
    // Scores were rounded to singles, and cancel in the sum.
    let size = Naive.largest(scores)
    expectClose(first, expected, bound: .absolute(3 * Double(Float.ulpOfOne) * size))
    #expect(json["rows"]?.integers == [1, 4, 9])
    let parts = ["second_order", "additive", "interaction"].map {
      json[$0]?.array?.compactMap(\.number) ?? []
    }
    for query in 0..<3 {
      expectClose(parts[0][query] - parts[1][query], parts[2][query], bound: .absolute(1e-9 * size))
    }
    let leverage = try #require(json["leverage"]?.number)
    #expect(leverage > 0 && leverage < 1)
    #expect(json["train"]?["rows"]?.integer == 12)
  }

  @Test("A table of the queries, or of their mean")
  func table() throws {
    let output = try place.succeed(words + ["--rows", "0", "5"]).output
    #expect(output.hasPrefix("query"))
    #expect(output.contains("2 of 12 training rows removed, by exact"))
    #expect(output.split(separator: "\n").count == 6)
    let mean = try place.succeed(words + ["--rows", "0", "--aggregate", "mean", "--quiet"]).output
    #expect(mean.contains("\nmean ") && mean.split(separator: "\n").count == 3)
  }

  @Test("Rows and methods that make no group")
  func refusals() throws {
    for (rows, status, piece) in [
      (["--rows", "12"], Int32(65), "0 to 11"), (["--rows", "1", "1"], 65, "group"),
      (["--rows"], 64, "--rows"), (["--rows", "x"], 64, "x"), ([], 64, "--rows"),
      (["--rows"] + (0..<12).map(String.init), 65, "group"),
    ] {
      let outcome = try place.run(words + rows)
      #expect(outcome.status == status, "\(rows): \(outcome)")
      #expect(try #require(outcome.onlyError).contains(piece), "\(outcome)")
    }
    for method in ["cosine", "relatif-l", "rps"] {
      var other = words
      other[6] = method
      let outcome = try place.run(other + ["--rows", "1"])
      #expect(outcome.status == 64 || outcome.status == 65, "\(outcome)")
      #expect(
        try #require(outcome.onlyError).contains(method == "rps" ? "rps" : "group"), "\(outcome)")
    }
  }
}
