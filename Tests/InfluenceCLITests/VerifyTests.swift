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
}
