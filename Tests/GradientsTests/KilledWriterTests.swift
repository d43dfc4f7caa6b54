import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

/// A writer in a process of its own, killed from outside at no particular moment.
@Suite("A writer that is killed", .serialized)
struct KilledWriterTests {
  @Test("leaves a store that another goes on with", arguments: 0..<50)
  func killed(seed: Int) async throws {
    let folder = try TemporaryDirectory(inMemory: ())
    let path = folder.file("store").path
    // From before the first file to some hundred commits later: half of the kills come early, as most
    // steps are taken once.
    var generator = SeededGenerator(seed: UInt64(seed), stream: 11)
    let latest = seed.isMultiple(of: 2) ? 5_000.0 : 80_000
    let microseconds = Int(generator.uniform() * latest)
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [path = path as String, microseconds = microseconds as Int] in
      Thread.detachNewThread {
        usleep(UInt32(microseconds))
        kill(getpid(), SIGKILL)
      }
      let sample = Sample(rows: 1 << 20)
      let writer = try GradientStoreWriter(
        creating: URL(filePath: path), layout: sample.layout)
      while true {
        let next = writer.count
        try sample.append(next..<next + 1 + next % 5, to: writer)
        if next % 3 == 0 { try writer.commit() }
      }
    }
    let url = folder.file("store")
    guard FileManager.default.fileExists(atPath: folder.file("store/manifest.json").path) else {
      // Killed before the store was born: another writer can begin it.
      try folder.writeStore("store", Sample(rows: 3))
      try expect(GradientStore(opening: url), holds: Sample(rows: 3))
      return
    }
    let writer = try GradientStoreWriter(resuming: url)
    let committed = writer.count
    let sample = Sample(rows: committed + 7)
    try sample.append(committed..<committed + 7, to: writer)
    try writer.finish()
    try folder.writeStore("reference", sample)
    for file in storeFiles {
      #expect(try folder.bytes("store/\(file)") == folder.bytes("reference/\(file)"), "\(file)")
    }
  }
}
