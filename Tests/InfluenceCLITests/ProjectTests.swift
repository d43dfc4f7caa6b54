import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence project")
struct ProjectTests {
  let place: Workplace

  init() throws {
    place = try Workplace(inMemory: ())
    try place.writeExamples(rows: 300, to: "train")
  }

  private func project(_ destination: String, _ options: [String] = []) -> [String] {
    ["project", "train", destination, "--kind", "sjlt", "--dimension", "64"] + options
  }

  @Test("It writes a sound store, and prints what was measured")
  func projects() throws {
    let outcome = try place.succeed(project("small", ["--blocks", "all"]))
    #expect(outcome.output.contains("300 columns projected to 64 in 1 block"))
    #expect(outcome.output.contains("sjlt:dimension=64,nonzeros=4,seed=0"))
    #expect(outcome.output.contains("expected 1, with a deviation up to 0.177"))
    #expect(try place.succeed(["verify", "small"]).output.contains("sound, 300 rows"))
    let store = try GradientStore(opening: place.file("small"))
    #expect(store.layout.blocks.map(\.shape) == [[64]])
    #expect(try store.exampleIDs()?[5] == "example 5")
    let json = try place.succeed(project("again", ["--blocks", "all", "--json"])).json()
    #expect(json["projection"]?.string == "sjlt:dimension=64,nonzeros=4,seed=0")
    #expect(json["partition"]?.string == "all")
    let mean = try #require(json["distortion"]?["norm_ratio_mean"]?.number)
    // One deviation of a single ratio is 0.18, and rows share P.
    #expect(abs(mean - 1) < 0.2)
    #expect(try place.bytes("again/gradients.bin") == place.bytes("small/gradients.bin"))
    #expect(try place.succeed(project("quiet", ["--quiet"])).output.isEmpty)
  }

  @Test("Stores that are projected alike are scored together, and others are refused")
  func scores() throws {
    try place.writeExamples(rows: 20, to: "query")
    try place.succeed(project("small"))
    try place.succeed(["project", "query", "q"] + project("").dropFirst(3))
    try place.succeed(["project", "query", "other", "--seed", "1"] + project("").dropFirst(3))
    func score(_ query: String) -> [String] {
      ["score", "--train", "small", "--query", query, "--method", "exact", "--output", "s.npy"]
    }
    try place.succeed(score("q"))
    let record = try place.json("s.npy.json")
    #expect(record["train"]?["projection"]?.string == "sjlt:dimension=64,nonzeros=4,seed=0")
    let refused = try place.run(score("other"))
    #expect(refused.status == 65 && refused.errors.contains("project both alike"))
  }

  @Test("Onto leading directions, queries like the training gradients")
  func principal() throws {
    try place.succeed([
      "gradients", "--model", "perceptron", "--train", "60", "--queries", "9", "--hidden", "5",
      "--epochs", "2", "--output", "g", "--quiet",
    ])
    let kind = ["--kind", "logra-pca"]
    let told = try place.succeed(
      ["project", "g/train", "p-train"] + kind + ["--factor-dimension", "3"]
    ).output
    #expect(told.contains("logra-pca:outputs=3,inputs=3,of=gradients,crc32c="))
    #expect(told.contains("captured: 0.") && told.contains("at least"))
    let like = kind + ["--like", "p-train"]
    try place.succeed(["project", "g/query", "p-query"] + like)
    let score = [
      "score", "--train", "p-train", "--method", "logra", "--output", "s.npy", "--query",
    ]
    try place.succeed(score + ["p-query"])
    let record = try place.json("s.npy.json")
    #expect(record["train"]?["projection"]?.string?.hasPrefix("logra-pca") == true)
    // Directions of the queries' own gradients are others.
    try place.succeed(["project", "g/query", "p-own"] + kind + ["--factor-dimension", "3"])
    let refused = try place.run(score + ["p-own"])
    #expect(refused.status == 65 && refused.errors.contains("project both alike"))
    for (options, code, text) in [
      (kind, Int32(64), "--like"), (like + ["--factor-dimension", "3"], 64, "--like"),
      (["--kind", "logra", "--factor-dimension", "3", "--like", "p-train"], 64, "--kind logra"),
      (kind + ["--like", "g/train"], 65, "projection.safetensors"),
      (kind + ["--factor-dimension", "80"], 65, "nothing would be projected"),
    ] {
      let outcome = try place.run(["project", "g/query", "no"] + options)
      #expect(outcome.status == code && outcome.errors.contains(text), "\(options): \(outcome)")
      #expect(!FileManager.default.fileExists(atPath: place.file("no").path))
    }
    try place.succeed([
      "gradients", "--model", "perceptron", "--train", "20", "--queries", "3", "--hidden", "6",
      "--epochs", "1", "--output", "h", "--quiet",
    ])
    let other = try place.run(["project", "h/query", "no"] + like)
    #expect(other.status == 65 && other.errors.contains("same model"))
    let again = try place.run(["project", "p-train", "no"] + kind + ["--factor-dimension", "2"])
    #expect(again.status == 65 && again.errors.contains("projected already"))
  }

  @Test("Wrong numbers and blocks are refused")
  func refusals() throws {
    for (options, code, text) in [
      (["--kind", "sjlt"], Int32(64), "--dimension"),
      (["--kind", "logra", "--dimension", "5"], 64, "--factor-dimension"),
      (["--kind", "sjlt", "--dimension", "0"], 64, "1 to"),
      (["--kind", "sjlt", "--dimension", "4", "--nonzeros", "5"], 64, "--nonzeros"),
      (["--kind", "gaussian", "--dimension", "4", "--nonzeros", "2"], 64, "--nonzeros"),
      (["--kind", "gaussian", "--dimension", "101"], 65, "100 columns"),
      (["--kind", "logra", "--factor-dimension", "2"], 65, "nothing would be projected"),
    ] {
      let outcome = try place.run(["project", "train", "no"] + options)
      #expect(outcome.status == code && outcome.errors.contains(text), "\(options): \(outcome)")
      #expect(!FileManager.default.fileExists(atPath: place.file("no").path))
    }
  }

  @Test("It goes on after it was killed, with the same bytes")
  func killed() throws {
    try place.writeExamples(rows: 3000, to: "large")
    try KillTrial(
      [
        "project", "../large", "store", "--kind", "gaussian", "--dimension", "40", "--chunk",
        "64KiB",
      ],
      results: [
        "manifest.json", "info.json", "gradients.bin", "squared_norms.bin", "examples.jsonl",
      ]
      .map { "store/\($0)" },
      isDone: { folder in
        try StoreManifest(ofStoreAt: folder.appending(path: "store"))?.isComplete ?? false
      }
    ).run(in: place, kills: 12, seed: 7)
  }
}
