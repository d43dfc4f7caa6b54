import Foundation
import InfluenceKit
import TestSupport
import Testing

/// --normalize unit is the method unit with another as its base, by another spelling.
@Suite("--normalize")
struct NormalizeTests {
  let place: Workplace

  init() throws {
    place = try Workplace(inMemory: ())
    try SmallFiles.write(in: place)
  }

  private let stores = ["--train", "train.safetensors", "--query", "query.safetensors"]

  @Test(
    "gives the scores of unit, and is recorded so", arguments: ["datainf", "cg:tolerance=1e-4"])
  func scores(method: String) throws {
    try place.succeed(
      ["score"] + stores + ["--method", method, "--normalize", "unit", "--output", "a.npy"])
    try place.succeed(
      ["score"] + stores + ["--method", "unit:base=\(method)", "--output", "b.npy"])
    #expect(try place.bytes("a.npy") == place.bytes("b.npy"))
    let record = try place.json("a.npy.json")
    #expect(record["method"]?.string == "unit")
    #expect(record["settings"]?["base"]?.string?.hasPrefix(method.prefix(2)) == true)
    let own = ["self", "--train", "train.safetensors", "--method", method]
    try place.succeed(own + ["--normalize", "unit", "--output", "c.npy"])
    #expect(try place.json("c.npy.json")["method"]?.string == "unit")
    // Nothing else by default.
    try place.succeed(["score"] + stores + ["--method", method, "--output", "d.npy"])
    #expect(try place.bytes("a.npy") != place.bytes("d.npy"))
  }

  @Test("goes into comparisons and plans")
  func others() throws {
    let output = try place.succeed(
      ["compare"] + stores + [
        "--methods", "exact", "datainf", "--normalize", "unit", "--json", "--output", "run",
      ]
    ).output
    #expect(output.contains("unit:base=datainf"))
    let plan = try place.succeed(
      ["plan"] + stores + ["--method", "exact", "--normalize", "unit", "--no-time", "--json"]
    ).json()
    #expect(plan["methods"]?[0]?["method"]?.string?.hasPrefix("unit") == true)
  }

  @Test("is refused where the method is divided already, or reads no gradients")
  func refusals() throws {
    func errors(_ words: [String]) throws -> (Int32, String) {
      let outcome = try place.run(words)
      return (outcome.status, outcome.errors)
    }
    let cosine = try errors(
      ["score"] + stores + ["--method", "cosine", "--normalize", "unit", "--output", "o.npy"])
    #expect(cosine.0 == 64 && cosine.1.contains("divided by something already"))
    let similarity = try errors(
      ["score"] + stores + ["--method", "similarity", "--normalize", "unit", "--output", "o.npy"])
    #expect(similarity.0 == 64 && similarity.1.contains("leave it out"))
    let all = try errors(["compare"] + stores + ["--normalize", "unit", "--output", "o"])
    #expect(all.0 == 64 && all.1.contains("--methods"))
  }
}
