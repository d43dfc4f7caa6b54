import Foundation
import InfluenceKit
import TestSupport
import Testing

@Suite("influence verify")
struct VerifyTests {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try SmallFiles.write(in: place)
    let layout = BlockLayout([(name: "a", shape: [3, 4]), (name: "b", shape: [5])])
    for shard in ["store/shard-0", "store/shard-1"] {
      let writer = try GradientStoreWriter(
        creating: place.file(shard), layout: layout, rowsPerChecksum: 4)
      try writer.append(SmallFiles.tensors().map(\.rows))
      try writer.finish()
    }
  }

  @Test("A line a shard, and JSON, of a sound store")
  func sound() throws {
    let outcome = try place.succeed(["verify", "store"])
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 2 && lines.allSatisfy { $0.contains("sound, 12 rows") })
    #expect(lines[0].hasPrefix("store/shard-0: "))
    #expect(try place.succeed(["verify", "store", "--quiet"]).output.isEmpty)
    let json = try place.succeed(["verify", "store", "--json"]).json()
    #expect(json["sound"]?.boolean == true)
    #expect(json["shards"]?[1]?["first_row"]?.integer == 12)
    #expect(json["shards"]?[1]?["evidence"]?.string == "row-ranges")
  }

  @Test("A flipped byte ends with 65 and is named by shard and rows", arguments: [0, 5, 11])
  func damaged(row: Int) throws {
    var bytes = Array(try place.bytes("store/shard-1/gradients.bin"))
    bytes[row * 17 * 4 + 9] ^= 0x20
    try place.write(bytes, to: "store/shard-1/gradients.bin")
    let first = row / 4 * 4
    for flags in [[], ["--json"], ["--quiet"]] {
      let outcome = try place.run(["verify", "store"] + flags)
      #expect(outcome.status == 65)
      let message = try #require(outcome.onlyError)
      #expect(message.contains("store/shard-1, rows \(first)..<\(first + 4)"), "\(message)")
    }
    let json = try place.run(["verify", "store", "--json"]).json()
    #expect(json["sound"]?.boolean == false)
    #expect(json["shards"]?[1]?["damages"]?[0]?["rows"]?.integers == [first, first + 4])
  }

  @Test("A file of another tool: nothing was recorded, but rows must be finite")
  func foreign() throws {
    let outcome = try place.succeed(["verify", "train.safetensors"])
    #expect(outcome.output.contains("no checksum was recorded"))
    let bad = try place.run(["verify", "nan.safetensors"])
    #expect(bad.status == 65)
    #expect(bad.onlyError?.contains("rows 4, 7: not finite") == true)
    #expect(try place.succeed(["verify", "unfinished"]).output.contains("incomplete"))
    #expect(try place.run(["verify", "missing"]).status == 66)
  }

  /// Flips a bit in the middle of a file, for as long as `work` runs.
  private func flipping(_ name: String, at position: Int? = nil, _ work: () throws -> Void) throws {
    let bytes = Array(try self.place.bytes(name))
    var damaged = bytes
    damaged[position ?? bytes.count / 2] ^= 4
    try self.place.write(damaged, to: name)
    try work()
    try self.place.write(bytes, to: name)
  }

  @Test("Results, fits, comparisons and folders of all are verified, and damage is named")
  func results() throws {
    try place.makeFolder("all")
    try FileManager.default.moveItem(at: place.file("store"), to: place.file("all/store"))
    let input = ["--train", "all/store", "--query", "all/store/shard-0"]
    try place.succeed(["score"] + input + ["--method", "exact", "--output", "all/s.npy", "-q"])
    try place.succeed(
      ["score"] + input + ["--method", "exact", "--top", "2", "--output", "all/t.csv", "-q"])
    try place.succeed([
      "fit", "--train", "all/store", "--method", "exact", "--output", "all/fit", "-q",
    ])
    try place.succeed(
      ["compare"] + input + ["--methods", "exact", "datainf", "--output", "all/run", "-q"])
    for name in ["s.npy", "s.npy.json", "t.csv", "fit", "run"] {
      #expect(try place.succeed(["verify", "all/\(name)"]).output.contains(": sound, "), "\(name)")
    }
    for file in [
      "s.npy", "s.npy.json", "t.csv", "t.csv.json", "fit/fit.json", "fit/squared_norms.npy",
      "run/run.json", "run/table.csv", "run/scores/exact.npy", "store/shard-0/info.json",
      "store/shard-1/manifest.json", "store/shard-1/examples.jsonl",
    ] where try !place.bytes("all/\(file)").isEmpty {
      try flipping("all/\(file)") {
        let outcome = try place.run(["verify", "all", "-q"])
        #expect(outcome.status == 65, "\(file): \(outcome)")
        #expect(outcome.errors.contains(file), "\(file): \(outcome)")
      }
    }
    let whole = try place.succeed(["verify", "all", "--json"]).json()
    #expect(whole["sound"]?.boolean == true)
    #expect(whole["fits"]?[0]?["protected"]?.boolean == true)
  }
}
