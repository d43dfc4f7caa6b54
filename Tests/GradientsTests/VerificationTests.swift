import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("Verifying a store")
struct VerificationTests {
  let folder: TemporaryDirectory
  static let rows = 23

  init() throws { folder = try TemporaryDirectory() }

  /// Two shards with a checksum every 5 rows, committed after every `step` rows.
  private func write(_ name: String, step: Int) throws {
    let sample = Sample(rows: Self.rows)
    for (shard, range) in [0..<13, 13..<Self.rows].enumerated() {
      let writer = try GradientStoreWriter(
        creating: folder.file("\(name)/shard-\(shard)"), layout: sample.layout, rowsPerChecksum: 5)
      for first in stride(from: range.lowerBound, to: range.upperBound, by: step) {
        try sample.append(first..<min(first + step, range.upperBound), to: writer)
        try writer.commit()
      }
      try writer.finish()
    }
  }

  private func findings(_ name: String) throws -> [ShardVerification] {
    try GradientStore(opening: folder.file(name), allowingIncomplete: true, check: .nothing)
      .verification()
  }

  @Test("Checksums do not depend on when rows were committed", arguments: 1...13)
  func schedule(step: Int) throws {
    try write("steps", step: step)
    try write("once", step: 100)
    for file in ["shard-0/manifest.json", "shard-1/manifest.json"] {
      #expect(try folder.bytes("steps/\(file)") == folder.bytes("once/\(file)"))
    }
    let found = try findings("steps")
    #expect(found.map(\.rows) == [0..<13, 13..<23])
    for shard in found {
      #expect(shard.isSound && shard.isComplete && shard.evidence == .rowRanges)
    }
    let manifest = try #require(try StoreManifest(ofStoreAt: folder.file("steps/shard-0")))
    #expect(manifest.checksums?.ranges.map(\.rows) == [0..<5, 5..<10, 10..<13])
  }

  @Test("A flipped bit is found and located", arguments: 0..<40)
  func flipped(seed: Int) throws {
    try write("store", step: 4)
    var generator = SeededGenerator(seed: UInt64(seed))
    let shard = generator.index(below: 2)
    let names = ["gradients.bin", "gradients.bin", "squared_norms.bin", "examples.jsonl"]
    let name = "store/shard-\(shard)/\(names[generator.index(below: 4)])"
    var bytes = try folder.bytes(name)
    let place = generator.index(below: bytes.count)
    bytes[place] ^= 1 << UInt8(generator.index(below: 8))
    try folder.write(bytes, to: name)
    let found = try findings("store")
    #expect(found.map(\.isSound) == [shard != 0, shard != 1])
    #expect(found[shard].damages.count == 1)
    let damage = try #require(found[shard].damages.first)
    #expect(damage.path == folder.file(name).path && damage.recorded != damage.found)
    if name.hasSuffix("gradients.bin") {
      let range = try #require(damage.rows)
      #expect(range.contains(place / (Sample().width * 4)) && range.count <= 5)
    } else {
      #expect(damage.rows == nil)
    }
  }

  @Test("A manifest of an older version is verified as a whole, and resumed with checksums")
  func older() throws {
    let sample = Sample(rows: 6)
    try folder.writeStore("store", sample)
    var text = try folder.text("store/manifest.json")
    let start = try #require(text.range(of: "\"checksums\""))
    let end = try #require(text.range(of: "\"gradients_crc32c\""))
    text.removeSubrange(start.lowerBound..<end.lowerBound)
    try folder.write(text, to: "store/manifest.json")
    try folder.replace("\"rows\"", with: "\"rows\"", in: "store/manifest.json")
    #expect(try findings("store").map(\.evidence) == [.wholeFile])
    let bytes = try folder.bytes("store/gradients.bin")
    try folder.write([bytes[0] ^ 1] + bytes.dropFirst(), to: "store/gradients.bin")
    #expect(try findings("store").first?.damages.first?.rows == 0..<6)
    try folder.write(bytes, to: "store/gradients.bin")
    try GradientStoreWriter(resuming: folder.file("store")).finish()
    #expect(try findings("store").map(\.evidence) == [.rowRanges])
    try folder.writeStore("reference", sample)
    #expect(try folder.bytes("store/manifest.json") == folder.bytes("reference/manifest.json"))
  }

  @Test("Without a manifest, rows are checked to be finite")
  func foreign() throws {
    try folder.writeIndex("foreign", Sample(rows: 9), as: .float32)
    let sound = try #require(try findings("foreign").first)
    #expect(sound.isSound && sound.evidence == .nothing)
    var bytes = try folder.bytes("foreign/gradients.bin")
    bytes.replaceSubrange(4 * 8 * 4..<4 * 8 * 4 + 4, with: [0, 0, 0xc0, 0x7f])
    try folder.write(bytes, to: "foreign/gradients.bin")
    #expect(try findings("foreign").first?.nonFiniteRows == [4])
  }

  @Test("The committed rows of an unfinished store are verified")
  func unfinished() throws {
    let sample = Sample(rows: 9)
    let writer = try GradientStoreWriter(creating: folder.file("store"), layout: sample.layout)
    try sample.append(0..<6, to: writer)
    try writer.commit()
    try sample.append(6..<9, to: writer)
    let found = try #require(try findings("store").first)
    #expect(found.isSound && !found.isComplete && found.rows == 0..<6)
  }

  @Test(
    "Checksums that do not fit the rows are refused",
    arguments: [
      ("\"first_row\": 5", "\"first_row\": 6"), ("\"rows\": 3", "\"rows\": 4"),
      ("\"rows_per_range\": 5", "\"rows_per_range\": 0"),
      ("\"rows_per_range\": 5", "\"rows_per_range\": 4"),
      ("\"crc32c\": \"", "\"crc32c\": \"0"), ("\"examples.jsonl\": \"", "\"examples.jsonl\": \"0"),
    ])
  func malformed(old: String, new: String) throws {
    try write("store", step: 4)
    try folder.replace(old, with: new, in: "store/shard-0/manifest.json")
    let error = #expect(throws: (any Error).self) { try findings("store") }
    if let error {
      expect(error, is: "invalidField", about: "shard-0", mentioning: ["checksums."])
    }
  }

  @Test("Lines of examples that are cut off, added or changed are found when they are read")
  func lines() throws {
    let sample = Sample(rows: 6)
    try folder.writeStore("store", sample)
    let whole = try folder.bytes("store/examples.jsonl")
    let line = Array("{\"row\":6,\"id\":\"more\"}\n".utf8)
    for changed in [
      whole.dropLast(), whole.dropLast(9), whole + line, [whole[0] ^ 2] + whole.dropFirst(),
    ]
    .map(Array.init) {
      try folder.write(changed, to: "store/examples.jsonl")
      let store = try GradientStore(opening: folder.file("store"), check: .nothing)
      #expect(throws: (any Error).self) { try store.exampleIDs() }
      #expect(throws: (any Error).self) { try store.verified() }
      #expect(throws: (any Error).self) { try GradientStore(opening: folder.file("store")) }
    }
    try folder.write(whole, to: "store/examples.jsonl")
    #expect(try GradientStore(opening: folder.file("store")).exampleIDs()?.count == 6)
  }

  @Test("What was compared is known of a store and of what is made of it")
  func verified() throws {
    try write("store", step: 4)
    let opened = try GradientStore(opening: folder.file("store"), check: .nothing)
    #expect(!opened.isVerified && !opened.checksumIsComputed)
    let verified = try opened.verified()
    #expect(verified.isVerified && verified.checksumIsComputed && verified[rows: 3..<20].isVerified)
    #expect(try GradientStore(opening: folder.file("store")).isVerified)
    #expect(try opened.checksum() == verified.checksum())
  }

  @Test("info.json that tells other tools something else is damage", arguments: 0..<20)
  func info(seed: Int) throws {
    try write("store", step: 4)
    let name = "store/shard-0/info.json"
    let whole = try OrderedJSON(contentsOf: folder.file(name))
    var generator = SeededGenerator(seed: UInt64(seed))
    var bytes = try folder.bytes(name)
    bytes[generator.index(below: bytes.count)] ^= 1 << UInt8(generator.index(below: 8))
    try folder.write(bytes, to: name)
    guard let found = try? findings("store") else { return }
    let read = try OrderedJSON(contentsOf: folder.file(name))
    #expect(found[0].isSound == whole.object?.allSatisfy { read[$0.key] == $0.value })
  }
}
