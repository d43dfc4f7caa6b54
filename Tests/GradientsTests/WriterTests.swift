import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("Writing a store")
struct WriterTests {
  let folder: TemporaryDirectory
  let sample = Sample()

  init() throws { folder = try TemporaryDirectory() }

  private func writer(_ name: String = "store", as type: ElementType = .float32) throws
    -> GradientStoreWriter
  {
    try GradientStoreWriter(creating: folder.file(name), layout: sample.layout, elementType: type)
  }

  private func expectWholeStore(_ rows: Int) throws {
    let store = try GradientStore(opening: folder.file("store"), allowingIncomplete: true)
    try expect(store, holds: Sample(rows: rows))
  }

  @Test("Numbers come back, from Float and from Double", arguments: ElementType.floatingPoint)
  func roundTrip(type: ElementType) throws {
    for isSingle in [true, false] {
      let name = "store of \(isSingle)"
      let writer = try writer(name, as: type)
      for rows in [0..<2, 2..<2, 2..<5] {
        if isSingle {
          try writer.append(sample.blocks(rows: rows, as: Float.self))
        } else {
          try writer.append(sample.blocks(rows: rows, as: Double.self))
        }
      }
      #expect(writer.count == 5 && writer.committedCount == 0)
      try writer.finish()
      #expect(writer.committedCount == 5)
      try expect(GradientStore(opening: folder.file(name)), holds: sample)
    }
  }

  @Test("Provenance is remembered")
  func provenance() throws {
    let notes = ["seed": "7", "model": "a \"quoted\" name\n", "é": "🙂"]
    try folder.writeStore("store", sample, provenance: notes)
    #expect(try StoreManifest(ofStoreAt: folder.file("store"))?.provenance == notes)
    #expect(try StoreManifest(ofStoreAt: folder.url) == nil)
  }

  @Test("Ids and losses are lines of JSON, for the rows that have them")
  func examples() throws {
    let writer = try writer()
    try writer.append(sample.blocks(rows: 0..<2, as: Float.self))
    try writer.append(sample.blocks(rows: 2..<3, as: Float.self), ids: ["a \"b\"\n"])
    try writer.append(sample.blocks(rows: 3..<4, as: Float.self), losses: [0.1])
    try writer.append(sample.blocks(rows: 4..<5, as: Float.self), ids: ["é"], losses: [-2])
    try writer.finish()
    #expect(
      try folder.text("store/examples.jsonl") == """
        {"row":2,"id":"a \\"b\\"\\n"}
        {"row":3,"loss":0.1}
        {"row":4,"id":"é","loss":-2.0}

        """)
  }

  @Test("A store may be written into a folder that is there, and into one that is not")
  func folders() throws {
    try folder.write("notes", to: "store/README.md")
    try folder.writeStore("store", sample)
    try folder.writeStore("deep/in/folders", sample)
    try expectWholeStore(5)
    #expect(
      try Set(FileManager.default.contentsOfDirectory(atPath: folder.file("deep/in/folders").path))
        == Set(storeFiles))
  }

  @Test("A place where no folder can be made is an error with its path")
  func noFolder() throws {
    try folder.write("a file", to: "file")
    do {
      _ = try writer("file/store")
      Issue.record("made")
    } catch {
      expect(error, is: "operationFailed", about: folder.file("file/store").path, mentioning: [])
    }
  }

  @Test("Finishing records the checksum of the gradients, and reading can verify it")
  func checksum() throws {
    let url = try folder.writeStore("store", sample)
    let manifest = try #require(try StoreManifest(ofStoreAt: url))
    var expected = Checksum()
    let bytes = try folder.bytes("store/gradients.bin")
    expected.update(bytes.span)
    #expect(manifest.gradientsChecksum == expected.description)
    let store = try GradientStore(opening: url, check: .nothing)
    #expect(try store.checksum() == expected.description)
    #expect(try store.verification().map(\.evidence) == [.rowRanges])
    #expect(try store.verification().allSatisfy(\.isSound))
    for place in [0, 77, bytes.count - 1] {
      var damaged = bytes
      damaged[place] ^= 0x10
      try folder.write(damaged, to: "store/gradients.bin")
      #expect(throws: GradientStoreError.self) { try GradientStore(opening: url) }
      let store = try GradientStore(opening: url, check: .nothing)
      #expect(try store.checksum() == expected.description)
      let damage = try #require(try store.verification().first?.damages.first)
      #expect(damage.path == folder.file("store/gradients.bin").path)
      #expect(damage.recorded == expected.description && damage.found != expected.description)
    }
  }

  @Test("A store that is being written says so until it is finished")
  func incomplete() throws {
    let writer = try writer()
    let url = folder.file("store")
    for rows in 0..<3 {
      #expect(throws: GradientStoreError.incomplete(path: url.path, committedRows: rows)) {
        try GradientStore(opening: url)
      }
      try expectWholeStore(rows)
      try writer.append(sample.blocks(rows: rows..<rows + 1, as: Float.self))
      try expectWholeStore(rows)
      // Bytes that are not committed are no part of the checksum.
      let store = try GradientStore(opening: url, allowingIncomplete: true)
      let map = try MemoryMap(opening: folder.file("store/gradients.bin"))
      #expect(try store.checksum() == Checksum(of: map, range: 0..<rows * 32).description)
      try writer.commit()
    }
    try writer.finish()
    _ = try GradientStore(opening: url)
  }
}
