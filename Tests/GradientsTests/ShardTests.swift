import Foundation
import Gradients
import LinearAlgebra
import TensorFiles
import TestSupport
import Testing

@Suite("Stores of several shards")
struct ShardTests {
  let folder: TemporaryDirectory
  let sizes = [4, 0, 1, 7]

  init() throws { folder = try TemporaryDirectory() }

  /// Shards of unequal sizes, named so that their order is neither that of creation nor that of letters, but that of numbers.
  private func shards(_ types: [ElementType]) throws -> GradientStore {
    let names = ["shard-1", "shard-2", "shard-10", "shard-11"]
    for (size, (name, type)) in zip(sizes, zip(names, types)).reversed() {
      let start = sizes[..<(names.firstIndex(of: name) ?? 0)].reduce(0, +)
      try folder.writeIndex("shards/\(name)", Sample(rows: size), as: type, firstRow: start)
    }
    try folder.write("steps: []", to: "shards/config.yaml")
    try folder.write("{}", to: "shards/data.hf/state.json")
    return try GradientStore(opening: folder.file("shards"))
  }

  @Test("Rows follow each other in the order of the names", arguments: ElementType.floatingPoint)
  func order(type: ElementType) throws {
    let store = try shards([type, type, type, type])
    #expect(store.kind == .shards)
    #expect(store.manifests.count == 4)
    try expect(store, holds: Sample(rows: 12))
  }

  @Test("Rows of a part keep their ids, across shards and in parts of parts")
  func ids() throws {
    for (name, rows) in [("a", 3), ("b", 5)] {
      try folder.writeStore("shards/\(name)", Sample(rows: rows))
    }
    let store = try GradientStore(opening: folder.file("shards"))
    let all = try #require(try store.exampleIDs()).compactMap(\.self)
    #expect(all.count == 8)
    for rows in [0..<8, 1..<2, 2..<6, 4..<8, 3..<3] {
      let ids = try store[rows: rows].exampleIDs()
      #expect(ids ?? [] == Array(all[rows]))
    }
    #expect(try store[rows: 2..<7][rows: 2..<4].exampleIDs() == Array(all[4..<6]))
    #expect(
      try store[rows: 2..<6].partitioned(by: .all).exampleIDs() == Array(all[2..<6]))
  }

  @Test("Shards of different types are read alike")
  func mixed() throws {
    let store = try shards([.float16, .float32, .float64, .bfloat16])
    try expect(store, holds: Sample(rows: 12))
    #expect(!store.isDirectlyReadable(as: Float.self))
  }

  @Test("Every range of rows, across any border, is the same as a slice of all")
  func ranges() throws {
    let store = try shards([.float32, .float32, .float32, .float32])
    let all = Matrix(try store.rows(0..<12, of: 1, as: Float.self)).view
    for first in 0...12 {
      for last in first...12 {
        let part = try store.rows(first..<last, of: 1, columns: 1..<3, as: Float.self)
        #expect(Matrix(part) == Matrix(all[rows: first..<last, columns: 1..<3]))
      }
    }
  }

  @Test("Chunks cover every row once and never cross a border", arguments: 1...13)
  func chunks(size: Int) throws {
    let store = try shards([.float32, .float32, .float32, .float32])
    let chunks = store.chunks(of: size)
    #expect(chunks.flatMap { Array($0) } == Array(0..<12))
    for chunk in chunks {
      #expect(chunk.count <= size && !chunk.isEmpty)
      for border in [4, 5] {
        #expect(chunk.upperBound <= border || chunk.lowerBound >= border)
      }
    }
    #expect(chunks.count == sizes.reduce(0) { $0 + ($1 + size - 1) / size })
  }

  @Test("Chunks inside a shard are looked at in place")
  func inPlace() throws {
    let store = try shards([.float32, .float32, .float32, .float32])
    for chunk in store.chunks(of: 3) {
      let width = store.layout.columnCount
      #expect(try store.rows(chunk, of: 1, as: Float.self).rowStride == width)
    }
    #expect(try store.rows(3..<5, of: 1, as: Float.self).rowStride == 4)
    #expect(!store.isDirectlyReadable(as: Float.self))
  }

  @Test("Norms come from each shard, recorded or computed")
  func norms() throws {
    // Other tools record no shapes, so only vectors are the same in both.
    let blocks = [("a", [3]), ("b", [4]), ("c", [1])]
    try folder.writeStore("mixed/0", Sample(rows: 3, blocks))
    try folder.writeIndex("mixed/1", Sample(rows: 4, blocks), as: .float16, firstRow: 3)
    let store = try GradientStore(opening: folder.file("mixed"))
    let sample = Sample(rows: 7, blocks)
    try expect(store, holds: sample)
    for block in sample.parameters.indices {
      let numbers = sample.matrix(rows: 0..<7, columns: sample.columns(block), as: Double.self)
      let expected = (0..<7).map { numbers[row: $0].reduce(0) { $0 + $1 * $1 } }
      #expect(Array(try store.squaredNorms().norms(ofBlock: block)) == expected)
    }
  }

  @Test("A shard that is not finished makes the whole incomplete, and is named")
  func unfinishedShard() throws {
    try folder.writeStore("shards/0", Sample(rows: 2))
    let writer = try GradientStoreWriter(
      creating: folder.file("shards/1"), layout: Sample().layout)
    try writer.append(Sample().blocks(rows: 2..<5, as: Float.self))
    try writer.commit()
    let path = folder.file("shards/1").path
    #expect(throws: GradientStoreError.incomplete(path: path, committedRows: 3)) {
      try GradientStore(opening: folder.file("shards"))
    }
    let store = try GradientStore(opening: folder.file("shards"), allowingIncomplete: true)
    try expect(store, holds: Sample(rows: 5))
  }

  @Test("A shard whose writer has only just begun is seen")
  func bornShard() throws {
    try folder.writeStore("shards/0", Sample(rows: 2))
    _ = try GradientStoreWriter(creating: folder.file("shards/1"), layout: Sample().layout)
    try FileManager.default.removeItem(at: folder.file("shards/1/info.json"))
    #expect(throws: GradientStoreError.self) { try GradientStore(opening: folder.file("shards")) }
  }

  @Test("The folder of a build that bergson has not finished is refused")
  func unfinishedBuild() throws {
    try folder.writeIndex("run.part/shard-0", Sample(rows: 2))
    let path = folder.file("run.part").path
    #expect(throws: GradientStoreError.incomplete(path: path, committedRows: nil)) {
      try GradientStore(opening: folder.file("run.part"))
    }
  }

  @Test("The checksum of shards is that of each, in order")
  func checksum() throws {
    let store = try shards([.float32, .float32, .float32, .float32])
    let each = try ["shard-1", "shard-2", "shard-10", "shard-11"].map {
      try Checksum(of: MemoryMap(opening: folder.file("shards/\($0)/gradients.bin"))).description
    }
    #expect(try store.checksum() == each.joined(separator: "+"))
    #expect(try store.verification().allSatisfy { $0.evidence == .nothing })
  }
}
