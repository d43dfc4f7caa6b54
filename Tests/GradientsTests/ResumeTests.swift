import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("Going on with a store")
struct ResumeTests {
  let folder: TemporaryDirectory
  let sample = Sample(rows: 24)

  init() throws { folder = try TemporaryDirectory() }

  /// The store that a writer makes which nothing interrupts.
  private func reference(_ type: ElementType = .float32) throws {
    try folder.writeStore("reference", sample, as: type)
  }

  private func expectEqualToReference(_ name: String) throws {
    for file in storeFiles {
      #expect(try folder.bytes("\(name)/\(file)") == folder.bytes("reference/\(file)"), "\(file)")
    }
    try expect(GradientStore(opening: folder.file(name)), holds: sample)
  }

  /// Goes on after the committed rows, to the end.
  private func complete(_ name: String) throws {
    let writer = try GradientStoreWriter(resuming: folder.file(name))
    #expect(writer.count == writer.committedCount)
    #expect(writer.layout == sample.layout)
    try sample.append(writer.count..<24, to: writer)
    try writer.finish()
  }

  @Test(
    "However the rows are divided among commits and writers, the bytes are the same",
    arguments: ElementType.allCases)
  func divisions(type: ElementType) throws {
    try reference(type)
    var generator = SeededGenerator(seed: 3)
    for attempt in 0..<5 {
      let name = "store\(attempt)"
      _ = try GradientStoreWriter(
        creating: folder.file(name), layout: sample.layout, elementType: type)
      var isFinished = false
      while !isFinished {
        // The writer before this one is gone, with what it did not commit.
        let writer = try GradientStoreWriter(resuming: folder.file(name))
        var isAbandoned = false
        while writer.count < 24, !isAbandoned {
          let end = min(24, writer.count + generator.index(below: 6))
          try sample.append(writer.count..<end, to: writer)
          switch generator.index(below: 3) {
          case 0: try writer.commit()
          case 1: isAbandoned = true
          default: break
          }
        }
        if !isAbandoned {
          try writer.finish()
          isFinished = true
        }
      }
      try expectEqualToReference(name)
    }
  }

  @Test(
    "Whatever part of the uncommitted bytes a crash leaves behind, none is lost or doubled",
    arguments: 0..<24)
  func crash(seed: Int) throws {
    try reference()
    var generator = SeededGenerator(seed: UInt64(seed), stream: 9)
    let writer = try GradientStoreWriter(creating: folder.file("live"), layout: sample.layout)
    let committed = generator.index(below: 20)
    if committed > 0 { try sample.append(0..<committed, to: writer) }
    try writer.commit()
    let oldInfo = try folder.bytes("live/info.json")
    let sizes = try ["gradients.bin", "squared_norms.bin", "examples.jsonl"].map {
      ($0, try folder.bytes("live/\($0)").count)
    }
    let end = committed + 1 + generator.index(below: 4)
    try sample.append(committed..<end, to: writer)
    try folder.copy("live", to: "crashed")
    for (name, size) in sizes {
      // Blocks that did not reach the disk: less of what was appended, or other bytes in its place.
      var bytes = try folder.bytes("crashed/\(name)")
      bytes.removeLast(generator.index(below: bytes.count - size + 1))
      for _ in 0..<generator.index(below: 100) { bytes.append(UInt8(generator.index(below: 256))) }
      try folder.write(bytes, to: "crashed/\(name)")
    }
    // The rests of a manifest and of an info.json that were not yet in place.
    try folder.write(#"{"format": "influ"#, to: "crashed/.unfinished-1a2b3c.tmp")
    if generator.index(below: 2) == 0 {
      try folder.write(
        String(decoding: oldInfo, as: UTF8.self).replacingOccurrences(
          of: "\"num_grads\": \(committed)", with: "\"num_grads\": 0"), to: "crashed/info.json")
    }
    let url = folder.file("crashed")
    #expect(throws: GradientStoreError.incomplete(path: url.path, committedRows: committed)) {
      try GradientStore(opening: url)
    }
    try expect(
      GradientStore(opening: url, allowingIncomplete: true), holds: Sample(rows: committed))
    try complete("crashed")
    try expectEqualToReference("crashed")
  }

  @Test("A crash between manifest.json and info.json, at birth and later")
  func betweenFiles() throws {
    try reference()
    let writer = try GradientStoreWriter(creating: folder.file("live"), layout: sample.layout)
    let info = try folder.bytes("live/info.json")
    try sample.append(0..<5, to: writer)
    try writer.commit()
    try folder.copy("live", to: "later")
    try folder.write(info, to: "later/info.json")
    try expect(
      GradientStore(opening: folder.file("later"), allowingIncomplete: true),
      holds: Sample(rows: 5))
    try complete("later")
    try expectEqualToReference("later")

    _ = try GradientStoreWriter(creating: folder.file("birth"), layout: sample.layout)
    for file in storeFiles where file != "manifest.json" {
      try FileManager.default.removeItem(at: folder.file("birth/\(file)"))
    }
    let url = folder.file("birth")
    #expect(throws: GradientStoreError.incomplete(path: url.path, committedRows: 0)) {
      try GradientStore(opening: url)
    }
    try complete("birth")
    try expectEqualToReference("birth")
  }

  @Test("A complete store takes more rows, and is incomplete from the first of them")
  func reopening() throws {
    try reference()
    try folder.writeStore("store", Sample(rows: 10))
    let url = folder.file("store")
    let complete = try folder.bytes("store/manifest.json")
    let writer = try GradientStoreWriter(resuming: url)
    #expect(writer.count == 10)
    // Nothing is appended yet, so nothing has changed.
    #expect(try folder.bytes("store/manifest.json") == complete)
    try writer.commit()
    #expect(try folder.bytes("store/manifest.json") == complete)
    _ = try GradientStore(opening: url)
    try sample.append(10..<15, to: writer)
    #expect(throws: GradientStoreError.incomplete(path: url.path, committedRows: 10)) {
      try GradientStore(opening: url)
    }
    try expect(GradientStore(opening: url, allowingIncomplete: true), holds: Sample(rows: 10))
    try folder.copy("store", to: "crashed")
    try writer.commit()
    try sample.append(15..<24, to: writer)
    try writer.finish()
    try expectEqualToReference("store")
    try self.complete("crashed")
    try expectEqualToReference("crashed")
  }

  @Test("A writer can go on after it has finished")
  func afterFinish() throws {
    try reference()
    let writer = try GradientStoreWriter(creating: folder.file("store"), layout: sample.layout)
    try sample.append(0..<7, to: writer)
    try writer.finish()
    try sample.append(7..<24, to: writer)
    try writer.commit()
    #expect(try StoreManifest(ofStoreAt: folder.file("store"))?.isComplete == false)
    #expect(try StoreManifest(ofStoreAt: folder.file("store"))?.gradientsChecksum == nil)
    try writer.finish()
    try expectEqualToReference("store")
  }

  @Test("What is not a store of ours cannot be resumed, and is not touched")
  func notAStore() throws {
    let index = try folder.writeIndex("index", sample)
    let bytes = try folder.bytes("index/gradients.bin")
    for url in [index, folder.file("nothing"), folder.url] {
      do {
        _ = try GradientStoreWriter(resuming: url)
        Issue.record("resumed")
      } catch {
        expect(error, is: "notResumable", about: url.path, mentioning: [])
      }
    }
    #expect(try folder.bytes("index/gradients.bin") == bytes)
    #expect(!FileManager.default.fileExists(atPath: folder.file("nothing").path))
  }

  @Test(
    "A file with fewer bytes than were committed is an error, not filled up",
    arguments: [
      "gradients.bin", "squared_norms.bin", "examples.jsonl",
    ])
  func shortened(name: String) throws {
    try folder.writeStore("store", sample)
    let bytes = try folder.bytes("store/\(name)")
    for rest in [bytes.count - 1, 1, 0] {
      try folder.write(bytes.prefix(rest), to: "store/\(name)")
      do {
        _ = try GradientStoreWriter(resuming: folder.file("store"))
        Issue.record("resumed")
      } catch {
        expect(
          error, is: "truncated", about: folder.file("store/\(name)").path,
          mentioning: ["\(bytes.count) bytes", "\(rest) bytes"])
      }
      #expect(try folder.bytes("store/\(name)").count == rest)
    }
    try FileManager.default.removeItem(at: folder.file("store/\(name)"))
    #expect(throws: TensorFileError.notFound(path: folder.file("store/\(name)").path)) {
      try GradientStoreWriter(resuming: folder.file("store"))
    }
    #expect(!FileManager.default.fileExists(atPath: folder.file("store/\(name)").path))
  }

  @Test("A manifest that forgets the gradients does not make a writer drop them")
  func forgetfulManifest() throws {
    try folder.writeStore("store", sample)
    let bytes = try folder.bytes("store/gradients.bin")
    try folder.replace(#""gradients.bin""#, with: #""gradients""#, in: "store/manifest.json")
    #expect(throws: GradientStoreError.self) {
      try GradientStoreWriter(resuming: folder.file("store"))
    }
    #expect(try folder.bytes("store/gradients.bin") == bytes)
  }
}
