import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("Reading ahead")
struct ReadAheadTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// 200 rows of six blocks, 24 MB, in two shards of over 4 MB each: smaller ones are read when they are opened.
  private func store() throws -> GradientStore {
    let blocks = (0..<6).map { (name: "block \($0)", shape: [$0 == 4 ? 17 : 6000]) }
    for (shard, rows) in [0..<150, 150..<200].enumerated() {
      let writer = try GradientStoreWriter(
        creating: folder.file("store/shard-\(shard)"),
        layout: BlockLayout(blocks.map { ($0.name, $0.shape) }),
        elementType: .float32)
      try writer.append(
        blocks.map { block in
          Matrix<Float>(repeating: Float(shard), rows: rows.count, columns: block.shape[0])
        })
      try writer.finish()
    }
    return try GradientStore(opening: folder.file("store"))
  }

  /// Asks the system to drop a store's files from memory; whether it did.
  private func forget(_ store: GradientStore) throws -> Bool {
    #if os(Linux)
      for path in store.filePaths {
        let file = try FileHandle(forUpdating: URL(filePath: path))
        defer { try? file.close() }
        try file.synchronize()
        guard posix_fadvise(file.fileDescriptor, 0, 0, Int32(POSIX_FADV_DONTNEED)) == 0 else {
          return false
        }
      }
    #endif
    return try share(of: store) < 0.1
  }

  private func share(of store: GradientStore) throws -> Double {
    var (resident, total) = (0, 0)
    for path in store.filePaths {
      let map = try MemoryMap(opening: URL(filePath: path))
      let pages = map.residentPages(in: 0..<map.count)
      resident += pages.resident
      total += pages.total
    }
    return Double(resident) / Double(max(1, total))
  }

  @Test(
    "Whoever waits for rows finds them in memory, in any order of blocks",
    arguments: [[[0, 1, 2, 3, 4, 5]], [[0], [1], [2], [3], [4], [5]], [[1, 4], [2, 0]]],
    // All in the order of the file, and group by group.
    [1 << 30, 1 << 20])
  func waits(waves: [[Int]], mostAhead: Int) throws {
    let store = try store()
    guard try forget(store) else {
      print("skipped: this file system keeps files in memory")
      return
    }
    let readAhead = try #require(ReadAhead(store, waves: waves, mostAhead: mostAhead))
    for block in waves.flatMap({ $0 }) {
      for end in [1, 150, 151, 200] {
        readAhead.wait(forBlock: block, rowsBefore: end)
        readAhead.used(block: block, rowsBefore: end)
      }
    }
    readAhead.stop()
    if waves.flatMap({ $0 }).count == 6 { #expect(try share(of: store) > 0.99) }
  }

  @Test("Threads that wait all go on, also when reading is stopped")
  func threads() async throws {
    let store = try store()
    _ = try forget(store)
    for (stops, mostAhead) in [
      (false, 1 << 30), (true, 1 << 30), (false, 1 << 20), (true, 1 << 20),
    ] {
      let readAhead = try #require(
        ReadAhead(store, waves: [[0, 1, 2], [3, 4, 5]], mostAhead: mostAhead))
      await withTaskGroup(of: Void.self) { group in
        for block in 0..<3 {
          group.addTask { readAhead.wait(forBlock: block, rowsBefore: 200) }
        }
        if stops { readAhead.stop() }
      }
      readAhead.wait(forBlock: 5, rowsBefore: 200)
      readAhead.stop()
      readAhead.wait(forBlock: 0, rowsBefore: 200)
    }
  }

  @Test("Gradients in memory need no reading")
  func memory() {
    let store = GradientStore(blocks: [("a", [2], Matrix<Float>(repeating: 1, rows: 3, columns: 2))]
    )
    #expect(ReadAhead(store, waves: [[0]]) == nil)
  }

  @Test("Pages in memory are counted, and no more than there are")
  func pages() throws {
    let url = try folder.write([UInt8](repeating: 7, count: 10_000), to: "file")
    let map = try MemoryMap(opening: url)
    _ = try map.bytes(in: 0..<10_000)
    let all = map.residentPages(in: 0..<10_000)
    #expect(all.total == 3 && all.resident == 3)
    #expect(map.residentPages(in: 5000..<5001).total == 1)
    #expect(map.residentPages(in: 0..<0).total == 0)
    #expect(map.residentPages(in: 0..<10_000, lookingAt: 2) == (2, 2))
    #expect(map.residentPages(in: 0..<10_000, lookingAt: 3) == (3, 3))
  }

  @Test("A look at some pages finds the share of a file that is in memory")
  func someOfThePages() throws {
    let bytes = 64 << 20
    let url = try folder.write([UInt8](repeating: 7, count: bytes), to: "large")
    #if os(Linux)
      let file = try FileHandle(forUpdating: url)
      defer { try? file.close() }
      try file.synchronize()
      guard posix_fadvise(file.fileDescriptor, 0, bytes / 2, Int32(POSIX_FADV_DONTNEED)) == 0
      else {
        print("skipped: this file system keeps files in memory")
        return
      }
    #endif
    let map = try MemoryMap(opening: url)
    let all = map.residentPages(in: 0..<bytes)
    let some = map.residentPages(in: 0..<bytes, lookingAt: 500)
    #expect(some.total == 500)
    let difference =
      Double(some.resident) / Double(some.total) - Double(all.resident) / Double(all.total)
    // Two neighbouring ranges, one of them in memory: a page at the end of each may be miscounted.
    #expect(abs(difference) < 0.02)
    if map.load(0..<bytes) {
      let loaded = map.residentPages(in: 0..<bytes)
      #expect(loaded.resident == loaded.total && loaded.total == bytes / Int(getpagesize()))
    } else {
      print("skipped: this system does not load files when asked")
    }
    #expect(map.load(bytes..<bytes))
  }
}
