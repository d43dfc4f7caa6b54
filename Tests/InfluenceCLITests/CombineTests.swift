import Foundation
import InfluenceKit
import TestSupport
import Testing

/// Ranks and votes of blocks from the command line.
@Suite("score --combine")
struct CombineTests {
  let place: Workplace

  init() throws {
    place = try Workplace(inMemory: ())
    try SmallFiles.write(in: place)
  }

  private let score = [
    "score", "--train", "train.safetensors", "--query", "query.safetensors", "--method",
  ]

  @Test("writes ranks and votes from −1 to 1, and records which", arguments: ["rank", "vote"])
  func writes(way: String) throws {
    try place.succeed(score + ["exact", "--combine", way, "--output", "o.npy"])
    let record = try place.json("o.npy.json")
    #expect(record["combine"]?.string == way)
    #expect(record["certificate"] == .null)
    let values: Matrix<Float> = try NumpyFile(opening: place.file("o.npy")).matrix()
    #expect(values.elements.allSatisfy { abs($0) <= 1 } && values.elements.contains { $0 != 0 })
    try place.succeed(score + ["exact", "--output", "sum.npy"])
    #expect(try place.json("sum.npy.json")["combine"] == nil)
    try place.succeed(score + ["exact", "--combine", way, "--top", "2", "--output", "top.csv"])
    #expect(try place.json("top.csv.json")["combine"]?.string == way)
  }

  @Test("is refused beside what is about sums, and of methods that divide them")
  func refusals() throws {
    func errors(_ words: [String]) throws -> (Int32, String) {
      let outcome = try place.run(words)
      return (outcome.status, outcome.errors)
    }
    for option in ["--per-block", "--certificate"] {
      let found = try errors(
        score + ["exact", "--combine", "rank", option, "--output", "o.npy"])
      #expect(found.0 == 64 && found.1.contains(option))
    }
    let cosine = try errors(score + ["cosine", "--combine", "vote", "--output", "o.npy"])
    #expect(cosine.0 != 0 && cosine.1.contains("--combine"))
    #expect(!place.has("o.npy"))
  }
}
