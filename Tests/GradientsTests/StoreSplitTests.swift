import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("Splitting a store into shards")
struct StoreSplitTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func split(
    _ source: String = "source", into ranges: [Range<Int>], to destination: String = "shards",
    as type: ElementType? = nil
  ) throws -> StoreSplit.Outcome {
    try StoreSplit(
      of: GradientStore(opening: folder.file(source)), shards: ranges,
      into: folder.file(destination), elementType: type, chunkBytes: 64
    ).run()
  }

  private func names(_ name: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.file(name).path).sorted()
  }

  @Test("Rows are cut evenly, or by size", arguments: [1, 2, 7, 12])
  func ranges(count: Int) {
    let even = StoreSplit.ranges(of: 12, shards: count)
    #expect(even.count == count && even.flatMap { Array($0) } == Array(0..<12))
    #expect((even.map(\.count).max() ?? 0) - (even.map(\.count).min() ?? 0) <= 1)
    let sized = StoreSplit.ranges(of: 12, rowsPerShard: count)
    #expect(sized.flatMap { Array($0) } == Array(0..<12))
    #expect(sized.dropLast().allSatisfy { $0.count == count })
    #expect(StoreSplit.ranges(of: 12, rowsPerShard: .max) == [0..<12])
  }

  @Test(
    "Split and joined again, every byte is the source's",
    arguments: ElementType.allCases, [1, 3, 11])
  func roundTrip(type: ElementType, count: Int) throws {
    try folder.writeStore("source", Sample(rows: 11), as: type, provenance: ["seed": "7"])
    let outcome = try split(into: StoreSplit.ranges(of: 11, shards: count))
    #expect(outcome.shards == count && outcome.rows == 11 && outcome.resumedRows == 0)
    let shards = try GradientStore(opening: folder.file("shards"))
    #expect(shards.kind == .shards && shards.manifests.count == count)
    #expect(shards.manifests.allSatisfy { $0?.provenance["seed"] == "7" })
    // 8-bit integers hold the sample but nearly; their bytes are compared below.
    if type != .int8 { try expect(shards, holds: Sample(rows: 11)) }
    #expect(try shards.verification().allSatisfy(\.isSound))
    _ = try StoreCopy(of: shards, to: folder.file("joined"), chunkBytes: 100).run()
    for file in storeFiles where file != "manifest.json" {
      #expect(try folder.bytes("joined/\(file)") == folder.bytes("source/\(file)"), "\(file)")
    }
    let manifests = try ["joined", "source"].map { try StoreManifest(ofStoreAt: folder.file($0)) }
    #expect(manifests[0]?.checksums == manifests[1]?.checksums)
  }

  @Test("Shards of shards hold the same rows, ids and losses")
  func shardsOfShards() throws {
    try folder.writeStore("source", Sample(rows: 11))
    _ = try split(into: [0..<4, 4..<11])
    _ = try split("shards", into: [0..<1, 1..<6, 6..<11], to: "again")
    let joined = try GradientStore(opening: folder.file("again"))
    _ = try StoreCopy(of: joined, to: folder.file("joined")).run()
    #expect(
      try folder.bytes("joined/examples.jsonl") == folder.bytes("source/examples.jsonl"))
    #expect(try folder.bytes("joined/gradients.bin") == folder.bytes("source/gradients.bin"))
  }

  @Test("Names sort as rows do, however many shards there are")
  func manyShards() throws {
    var generator = SeededGenerator(seed: 1)
    let gradients = Matrix<Float>.normal(10_001, 1, using: &generator)
    let source = GradientStore(blocks: [(name: "a", shape: [1], gradients: gradients)])
    let split = StoreSplit(
      of: source, shards: StoreSplit.ranges(of: 10_001, shards: 10_001),
      into: folder.file("shards"))
    #expect(split.name(ofShard: 0) == "shard-00000")
    #expect(split.name(ofShard: 10_000) == "shard-10000")
  }

  @Test("A split goes on with whole shards and the rows of the unfinished one")
  func resumes() throws {
    try folder.writeStore("source", Sample(rows: 12))
    let ranges = StoreSplit.ranges(of: 12, shards: 3)
    _ = try split(into: ranges, to: "whole")
    _ = try split(into: ranges)
    // What a run leaves that is killed in the second shard.
    try FileManager.default.moveItem(at: folder.file("shards"), to: folder.file("shards.part"))
    try FileManager.default.removeItem(at: folder.file("shards.part/shard-0002"))
    try folder.replace(
      "\"complete\": true", with: "\"complete\": false", in: "shards.part/shard-0001/manifest.json")
    #expect(throws: (any Error).self) {
      try GradientStore(opening: folder.file("shards.part"))
    }
    #expect(try split(into: ranges).resumedRows == 8)
    #expect(try !names("").contains("shards.part"))
    for shard in try names("whole") {
      for file in storeFiles {
        let path = "\(shard)/\(file)"
        #expect(try folder.bytes("shards/\(path)") == folder.bytes("whole/\(path)"), "\(path)")
      }
    }
  }

  @Test("Another split, another source or a place that is taken is refused, and left as it was")
  func refusals() throws {
    try folder.writeStore("source", Sample(rows: 12))
    try folder.writeIndex("other", Sample(rows: 12), as: .float32, firstRow: 1)
    let ranges = StoreSplit.ranges(of: 12, shards: 3)
    _ = try split(into: ranges)
    #expect(throws: GradientStoreError.alreadyExists(path: folder.file("shards").path)) {
      try split(into: ranges)
    }
    try FileManager.default.moveItem(at: folder.file("shards"), to: folder.file("shards.part"))
    let before = try folder.bytes("shards.part/shard-0000/manifest.json")
    for attempt in [
      { _ = try split(into: StoreSplit.ranges(of: 12, shards: 4)) },
      { _ = try split(into: StoreSplit.ranges(of: 12, shards: 2)) },
      { _ = try split("other", into: ranges) },
      { _ = try split(into: ranges, as: .float64) },
    ] {
      let error = #expect(throws: (any Error).self) { try attempt() }
      if let error { expect(error, is: "notResumable", about: "shards.part", mentioning: []) }
    }
    #expect(try folder.bytes("shards.part/shard-0000/manifest.json") == before)
    try folder.write("notes", to: "shards.part/notes.txt")
    let error = #expect(throws: (any Error).self) { try split(into: ranges) }
    if let error {
      expect(error, is: "notResumable", about: "shards.part", mentioning: ["notes.txt"])
    }
  }

  @Test("A row that is not finite is named by its number in the source, and nothing is left")
  func notFinite() throws {
    try folder.writeIndex("source", Sample(rows: 9), as: .float32)
    var bytes = try folder.bytes("source/gradients.bin")
    let place = (7 * 8 + 3) * 4
    bytes.replaceSubrange(place..<place + 4, with: [0, 0, 0x80, 0x7f])
    try folder.write(bytes, to: "source/gradients.bin")
    let error = #expect(throws: (any Error).self) { try split(into: [0..<5, 5..<9]) }
    if let error { expect(error, is: "notFinite", about: "source", mentioning: ["row 7,"]) }
    #expect(try names("") == ["source"])
  }
}
