import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("Copying any store into a store directory")
struct StoreCopyTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// Few rows at a time: a row of the sample takes 32 bytes.
  private func copy(
    _ source: String, _ destination: String = "copy", as type: ElementType? = nil
  ) throws -> StoreCopy.Outcome {
    try StoreCopy(
      of: GradientStore(opening: folder.file(source)), to: folder.file(destination),
      elementType: type, chunkBytes: 100
    ).run()
  }

  @Test(
    "Bytes, norms and examples of our own store are the same", arguments: ElementType.floatingPoint)
  func identical(type: ElementType) throws {
    try folder.writeStore("store", Sample(rows: 11), as: type, provenance: ["seed": "7"])
    let outcome = try copy("store")
    #expect(outcome.rows == 11 && outcome.resumedRows == 0)
    for file in storeFiles where file != "manifest.json" {
      #expect(try folder.bytes("copy/\(file)") == folder.bytes("store/\(file)"), "\(file)")
    }
    let manifest = try #require(try StoreManifest(ofStoreAt: folder.file("copy")))
    #expect(manifest.provenance["seed"] == "7" && manifest.isComplete)
    #expect(manifest.provenance["copied_kind"] == "directory")
  }

  @Test(
    "Types convert into each other", arguments: ElementType.floatingPoint, ElementType.floatingPoint
  )
  func types(from: ElementType, to: ElementType) throws {
    try folder.writeIndex("index", Sample(rows: 11), as: from)
    _ = try copy("index", as: to)
    let store = try GradientStore(opening: folder.file("copy"))
    #expect(store.commonElementType == to)
    try expect(store, holds: Sample(rows: 11))
  }

  @Test("Another source, another type, or a finished store is refused")
  func refusals() throws {
    try folder.writeIndex("one", Sample(rows: 11), as: .float32)
    try folder.writeIndex("two", Sample(rows: 11), as: .float32, firstRow: 1)
    _ = try copy("one")
    #expect(throws: GradientStoreError.alreadyExists(path: folder.file("copy").path)) {
      try copy("one")
    }
    try folder.replace("\"complete\": true", with: "\"complete\": false", in: "copy/manifest.json")
    for (source, type) in [("two", ElementType.float32), ("one", .float64)] {
      let error = #expect(throws: (any Error).self) { try copy(source, as: type) }
      if let error { expect(error, is: "notResumable", about: "copy", mentioning: ["unfinished"]) }
    }
    #expect(try copy("one").resumedRows == 11)
    let unfinished = try GradientStoreWriter(
      creating: folder.file("other"), layout: Sample().layout)
    try unfinished.commit()
    #expect(throws: GradientStoreError.alreadyExists(path: folder.file("other").path)) {
      try copy("one", "other")
    }
  }

  @Test("A row that is not finite is named, and nothing is left", arguments: [0, 4, 8])
  func notFinite(row: Int) throws {
    try folder.writeIndex("index", Sample(rows: 9), as: .float32)
    var bytes = try folder.bytes("index/gradients.bin")
    // The second block's first number.
    let place = (row * 8 + 3) * 4
    bytes.replaceSubrange(place..<place + 4, with: [0, 0, 0x80, 0x7f])
    try folder.write(bytes, to: "index/gradients.bin")
    let error = #expect(throws: (any Error).self) { try copy("index") }
    if let error {
      expect(error, is: "notFinite", about: "index", mentioning: ["row \(row),", "\"a\""])
    }
    #expect(!FileManager.default.fileExists(atPath: folder.file("copy").path))
  }

  @Test(
    "A number rounded in memory is the number that is read again", arguments: ElementType.allCases)
  func rounding(type: ElementType) throws {
    var generator = SeededGenerator(seed: 7)
    var numbers = (0..<4000).map { _ in
      generator.normal() * exp2(Double(generator.index(below: 40)) - 26)
    }
    // Halves of steps, subnormal numbers and zeros.
    numbers += [0, -0.0, 1 + 0x1p-11, 1 + 0x3p-11, 0x1p-24, 0x1p-25, 0x3p-25, 65_504, -65_504]
    numbers += [1 + 0x1p-8, 1 + 0x3p-8, 1 + 0x1p-24, 0x1p-14 - 0x1p-25, 0x1p-30, 1.0 / 3]
    let row = Matrix(rows: 1, columns: numbers.count, elements: numbers)
    let source = GradientStore(blocks: [("a", [numbers.count], row)])
    _ = try StoreCopy(of: source, to: folder.file("copy"), elementType: type).run()
    let stored = try GradientStore(opening: folder.file("copy")).rows(0..<1, of: 0, as: Double.self)
    let peak = try #require(numbers.map(abs).max())
    #expect(numbers.map { type.rounded($0, peak: peak) } == Matrix(stored).elements)
  }
}

/// A copy in a process of its own, killed from outside at no particular moment.
@Suite("A copy that is killed", .serialized)
struct KilledCopyTests {
  @Test("goes on from its last committed row", arguments: 0..<20)
  func killed(seed: Int) async throws {
    let folder = try TemporaryDirectory()
    try folder.writeStore("source", Sample(rows: 400), as: .float32)
    let path = folder.path
    let microseconds = 500 + 250 * seed * seed
    let result = await #expect(
      processExitsWith: .signal(SIGKILL)
    ) { [path = path as String, microseconds = microseconds as Int] in
      Thread.detachNewThread {
        usleep(UInt32(microseconds))
        kill(getpid(), SIGKILL)
      }
      let source = try GradientStore(opening: URL(filePath: path + "/source"))
      _ = try StoreCopy(of: source, to: URL(filePath: path + "/copy"), chunkBytes: 64).run()
      while true { usleep(1000) }
    }
    #expect(result != nil)
    let source = try GradientStore(opening: folder.file("source"))
    let committed = try StoreManifest(ofStoreAt: folder.file("copy"))
    if committed?.isComplete != true {
      let outcome = try StoreCopy(of: source, to: folder.file("copy")).run()
      #expect(outcome.resumedRows == committed?.rows ?? 0)
    }
    for file in storeFiles where file != "manifest.json" {
      #expect(try folder.bytes("copy/\(file)") == folder.bytes("source/\(file)"), "\(file)")
    }
    #expect(try GradientStore(opening: folder.file("copy")).verification().allSatisfy(\.isSound))
  }
}
