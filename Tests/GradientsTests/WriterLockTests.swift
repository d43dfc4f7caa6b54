import Foundation
import Gradients
import TensorFiles
import TestSupport
import Testing

@Suite("One writer at a time")
struct WriterLockTests {
  let folder: TemporaryDirectory
  let sample = Sample(rows: 9)
  var url: URL { folder.file("store") }

  init() throws { folder = try TemporaryDirectory() }

  private func expectRefused(sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(
      throws: GradientStoreError.beingWritten(path: url.path), sourceLocation: sourceLocation
    ) { try GradientStoreWriter(resuming: url) }
  }

  private func holding(_ url: URL, _ body: () throws -> Void) throws {
    guard let lock = try FolderLock(holding: url) else {
      Issue.record("somebody holds \(url.path)")
      return
    }
    try body()
    _ = consume lock
  }

  @Test("A second writer is refused until the first has finished")
  func finished() throws {
    let first = try GradientStoreWriter(creating: url, layout: sample.layout)
    expectRefused()
    try sample.append(0..<5, to: first)
    try first.commit()
    expectRefused()
    #expect(throws: GradientStoreError.alreadyExists(path: url.path)) {
      try GradientStoreWriter(creating: url, layout: sample.layout)
    }
    try first.finish()
    #expect(try GradientStoreWriter(resuming: url).count == 5)
    // The first goes on where nobody else did …
    try sample.append(5..<6, to: first)
    expectRefused()
    try first.finish()
    let second = try GradientStoreWriter(resuming: url)
    try sample.append(6..<9, to: second)
    try second.finish()
    // … and does not where somebody did.
    let error = #expect(throws: (any Error).self) { try sample.append(6..<7, to: first) }
    if let error { expect(error, is: "notResumable", about: "store", mentioning: ["another"]) }
    try expect(GradientStore(opening: url), holds: sample)
    withExtendedLifetime((first, second)) {}
  }

  @Test("A writer that failed, or is gone, lets the next one in")
  func gone() throws {
    do {
      let first = try GradientStoreWriter(creating: url, layout: sample.layout)
      try sample.append(0..<2, to: first)
      try first.commit()
    }
    let failing = try GradientStoreWriter(resuming: url)
    let manifest = url.appending(path: StoreManifest.fileName)
    let bytes = try folder.bytes("store/manifest.json")
    try FileManager.default.removeItem(at: manifest)
    try FileManager.default.createDirectory(at: manifest, withIntermediateDirectories: false)
    #expect(throws: (any Error).self) { try failing.commit() }
    try FileManager.default.removeItem(at: manifest)
    try folder.write(bytes, to: "store/manifest.json")
    #expect(try GradientStoreWriter(resuming: url).count == 2)
    withExtendedLifetime(failing) {}
  }

  @Test("A copy and a split are writers, too")
  func copies() throws {
    try folder.writeStore("source", sample)
    let source = try GradientStore(opening: folder.file("source"))
    let copy = StoreCopy(of: source, to: url, chunkBytes: 64)
    let split = StoreSplit(
      of: source, shards: StoreSplit.ranges(of: 9, shards: 3), into: folder.file("shards"))
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    try FileManager.default.createDirectory(
      at: split.unfinished, withIntermediateDirectories: true)
    try holding(url) {
      #expect(throws: GradientStoreError.beingWritten(path: url.path)) { try copy.run() }
    }
    try holding(split.unfinished) {
      #expect(throws: GradientStoreError.beingWritten(path: split.unfinished.path)) {
        try split.run()
      }
    }
    #expect(try copy.run().rows == 9)
    #expect(try split.run().rows == 9)
  }
}
