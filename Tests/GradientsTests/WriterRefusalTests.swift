import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("What a writer refuses")
struct WriterRefusalTests {
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

  @Test(
    "A row of NaN or infinity is refused before anything is written",
    arguments: [
      Double.nan, .infinity, -.infinity, .signalingNaN,
    ])
  func notFinite(value: Double) throws {
    let writer = try writer()
    try writer.append(sample.blocks(rows: 0..<2, as: Double.self))
    var blocks = sample.blocks(rows: 2..<5, as: Double.self)
    blocks[1][2, 3] = value
    do {
      try writer.append(blocks)
      Issue.record("appended")
    } catch {
      expect(
        error, is: "notFinite", about: folder.file("store").path,
        mentioning: ["row 4", "\"a\"", "NaN or infinity"])
    }
    #expect(writer.count == 2)
    // It is as if nothing had happened.
    try writer.append(sample.blocks(rows: 2..<5, as: Double.self))
    try writer.finish()
    try expectWholeStore(5)
  }

  @Test("So is a finite row whose squared norm overflows")
  func hugeNorm() throws {
    let writer = try writer(as: .float64)
    var blocks = sample.blocks(rows: 0..<1, as: Double.self)
    blocks[0][0, 0] = 1e200
    do {
      try writer.append(blocks)
      Issue.record("appended")
    } catch {
      expect(
        error, is: "notFinite", about: folder.file("store").path,
        mentioning: ["row 0", "too large"])
      #expect(!"\(error)".contains("NaN"))
    }
  }

  @Test("A loss of NaN is refused before anything is written")
  func lossNotFinite() throws {
    let writer = try writer()
    try writer.append(sample.blocks(rows: 0..<1, as: Float.self), losses: [1])
    do {
      try writer.append(sample.blocks(rows: 1..<3, as: Float.self), losses: [1, .nan])
      Issue.record("appended")
    } catch {
      expect(
        error, is: "notFinite", about: folder.file("store").path,
        mentioning: ["row 2", "\"losses\""])
    }
    try writer.append(sample.blocks(rows: 1..<5, as: Float.self))
    try writer.finish()
    try expectWholeStore(5)
    #expect(try folder.bytes("store/gradients.bin").count == 5 * 8 * 4)
  }

  @Test("Rows of the wrong shape are refused before anything is written")
  func wrongShapes() throws {
    let writer = try writer()
    let blocks = sample.blocks(rows: 0..<2, as: Float.self)
    let other = sample.blocks(rows: 0..<3, as: Float.self)
    let attempts: [(String, () throws -> Void)] = [
      ("3 blocks", { try writer.append(Array(blocks.dropLast())) }),
      ("3 blocks", { try writer.append(blocks + [blocks[0]]) }),
      ("3 blocks", { try writer.append([] as [Matrix<Float>]) }),
      (
        "\"a\": expected 2 × 4, found 3 × 4",
        { try writer.append([blocks[0], other[1], blocks[2]]) }
      ),
      (
        "\"b\": expected 2 × 3, found 2 × 4",
        { try writer.append([blocks[1], blocks[0], blocks[2]]) }
      ),
      ("\"ids\": expected 2, found 1", { try writer.append(blocks, ids: ["a"]) }),
      ("\"losses\": expected 2, found 3", { try writer.append(blocks, losses: [1, 2, 3]) }),
    ]
    for (words, attempt) in attempts {
      do {
        try attempt()
        Issue.record("appended")
      } catch {
        expect(error, is: "wrongShape", about: folder.file("store").path, mentioning: [words])
      }
    }
    #expect(writer.count == 0)
    try writer.append(sample.blocks(rows: 0..<5, as: Float.self))
    try writer.finish()
    try expectWholeStore(5)
  }

  @Test(
    "A number too large for the type is named at the commit, and old rows stay",
    arguments: [
      (ElementType.float16, 65_520.0), (.bfloat16, 3.4e38), (.float32, 3.5e38),
    ])
  func overflow(type: ElementType, value: Double) throws {
    let writer = try writer(as: type)
    try writer.append(sample.blocks(rows: 0..<2, as: Double.self))
    try writer.commit()
    let manifest = try folder.bytes("store/manifest.json")
    var blocks = sample.blocks(rows: 2..<5, as: Double.self)
    blocks[1][1, 2] = value
    try writer.append(blocks)
    do {
      try writer.commit()
      Issue.record("committed")
    } catch {
      expect(
        error, is: "notFinite", about: folder.file("store").path,
        mentioning: ["row 3", "\"a\"", "too large for \(type)"])
    }
    #expect(writer.committedCount == 2)
    #expect(try folder.bytes("store/manifest.json") == manifest)
    try expectWholeStore(2)
    // This writer cannot tell good rows from bad ones any more.
    let failure = GradientStoreError.writerFailed(
      path: folder.file("store").path, committedRows: 2)
    #expect(throws: failure) { try writer.append(sample.blocks(rows: 2..<5, as: Double.self)) }
    #expect(throws: failure) { try writer.commit() }
    #expect(throws: failure) { try writer.finish() }
    let next = try GradientStoreWriter(resuming: folder.file("store"))
    try next.append(sample.blocks(rows: 2..<5, as: Double.self))
    try next.finish()
    try expectWholeStore(5)
  }

  @Test(
    "The largest number that a type takes is no overflow",
    arguments: [
      (ElementType.float16, 65_504.0), (.bfloat16, 0x1.FEp127), (.float32, 0x1.FFFFFEp127),
    ])
  func largest(type: ElementType, value: Double) throws {
    let writer = try writer(as: type)
    var blocks = sample.blocks(rows: 0..<1, as: Double.self)
    blocks[2][0, 0] = value
    try writer.append(blocks)
    try writer.finish()
    let store = try GradientStore(opening: folder.file("store"))
    #expect(try store.rows(0..<1, of: 2, as: Double.self)[0, 0] == value)
  }

  @Test("A store is not written over another, nor over its rests", arguments: storeFiles)
  func existing(name: String) throws {
    try folder.write("anything", to: "store/\(name)")
    #expect(throws: GradientStoreError.alreadyExists(path: folder.file("store").path)) {
      try writer()
    }
    #expect(try folder.text("store/\(name)") == "anything")
  }

  @Test("A layout that no store can have is refused")
  func layouts() throws {
    for layout in [
      BlockLayout([]), BlockLayout([("a", [0])]), BlockLayout([("a", [1 << 31])]),
      BlockLayout([("a", [1 << 30]), ("b", [1 << 30])]),
    ] {
      #expect(throws: GradientStoreError.self) {
        try GradientStoreWriter(creating: folder.file("wide"), layout: layout)
      }
    }
    #expect(!FileManager.default.fileExists(atPath: folder.file("wide").path))
  }
}
