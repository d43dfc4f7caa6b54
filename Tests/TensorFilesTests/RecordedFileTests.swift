import Foundation
import LinearAlgebra
import OrderedCollections
import Synchronization
import TensorFiles
import TestSupport
import Testing

/// Results and the record beside them.
@Suite("Recorded files")
struct RecordedFileTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  @Test("Both files appear inside the step that may not be interrupted")
  func step() throws {
    let url = folder.file("results.csv")
    let calls = Mutex(0)
    let file = RecordedFile(at: url) { renames in
      #expect(!FileManager.default.fileExists(atPath: url.path))
      try renames()
      #expect(FileManager.default.fileExists(atPath: url.path))
      #expect(try OrderedJSON(contentsOf: folder.file("results.csv.json"))["n"] == 1)
      calls.withLock { $0 += 1 }
    }
    #expect(file.recordURL == folder.file("results.csv.json"))
    try file.write("a\r\n", record: ["n": 1])
    #expect(calls.withLock { $0 } == 1)
    #expect(try String(contentsOf: url, encoding: .utf8) == "a\r\n")
  }

  @Test("A record that cannot be written leaves earlier results as they were")
  func failure() throws {
    let file = RecordedFile(at: folder.file("results.csv"))
    try file.write("old", record: ["n": 1])
    #expect(throws: TensorFileError.self) { try file.write("new", record: ["n": .number(.nan)]) }
    #expect(try String(contentsOf: file.url, encoding: .utf8) == "old")
    #expect(try OrderedJSON(contentsOf: file.recordURL)["n"] == 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
  }

  @Test("Of several that are written at once, one remains, with its own record")
  func race() async throws {
    let url = folder.file("results.csv")
    for round in 0..<40 {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<4 {
          group.addTask {
            try RecordedFile(at: url).write(
              "\(round), \(writer)",
              record: ["format": "influencekit-test", "n": .integer(writer)])
          }
        }
        try await group.waitForAll()
      }
      // It compares the checksum of the results with that in the record.
      let record = try #require(try ResultRecord(of: url))
      let text = try String(contentsOf: url, encoding: .utf8)
      #expect(record.isProtected && record.content["n"]?.integer.map { "\(round), \($0)" } == text)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
          == ["results.csv", "results.csv.json"])
    }
  }

  @Test("A lock that a killed process left keeps nobody out")
  func staleLock() throws {
    let url = folder.file("results.csv")
    let file = RecordedFile(at: url)
    let temporary = Mutex<[String]>([])
    try RecordedFile(at: url) { renames in
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      temporary.withLock { $0 = names.filter { $0.hasSuffix("lock.tmp") } }
      try renames()
    }.write("old", record: ["n": 1])
    let lock = try #require(temporary.withLock { $0.first })
    try folder.write("", to: lock)
    try file.write("new", record: ["n": 2])
    #expect(try String(contentsOf: url, encoding: .utf8) == "new")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
  }

  @Test("A flipped bit of results or record is found, or changes no value", arguments: 0..<60)
  func flipped(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(seed))
    let url = folder.file("results.npy")
    let file = RecordedFile(at: url)
    try file.commit(
      NumpyFile.prepare([1, 2, 3] as [Float], at: url),
      record: ["format": "influencekit-test", "n": 1, "x": 0.5])
    let whole = try #require(try ResultRecord(of: url))
    #expect(whole.isProtected)
    #expect(whole.content["results"]?["shape"]?.array == [3])
    let damaged = [url, file.recordURL][seed % 2]
    var bytes = [UInt8](try Data(contentsOf: damaged))
    bytes[generator.index(below: bytes.count)] ^= 1 << UInt8(generator.index(below: 8))
    try Data(bytes).write(to: damaged)
    do {
      // Found whole, it says the same; or it lost the mark of being protected, which is said.
      let found = try #require(try ResultRecord(of: url))
      #expect(damaged != url)
      #expect(found.content == whole.content || !found.isProtected)
    } catch let error as TensorFileError {
      #expect(error.path == damaged.path || error.path == url.path)
    }
  }
}

@Suite("JSON with its own checksum")
struct SealedJSONTests {
  private static let object: OrderedJSON = [
    "name": "é\n", "list": [1, 2.5, -0.0, nil], "inner": ["a": true],
  ]

  @Test("It is last, independent of layout, and gives the object back")
  func seals() throws {
    let sealed = try Self.object.sealed()
    #expect(sealed.object?.keys.last == SealedJSON.key)
    for layout in [OrderedJSON.Layout.compact, .indented] {
      let text = try sealed.serialized(layout)
      let read = try SealedJSON(OrderedJSON(parsing: Array(text.utf8)), path: "a.json")
      #expect(read.isSealed && read.content == Self.object)
    }
    #expect(try sealed.sealed() == sealed)
    #expect(try !SealedJSON(Self.object, path: "a.json").isSealed)
    #expect(try !SealedJSON([1, 2], path: "a.json").isSealed)
  }

  @Test("Every change of a value, a key or their order is found")
  func changes() throws {
    let sealed = try Self.object.sealed()
    let changed: [OrderedJSON] = [
      sealed.adding(["name": "e\n"]), sealed.adding(["more": 1]),
      sealed.adding(["list": [1, 2.5, 0.0, nil]]), sealed.adding(["checksum": "00000000"]),
      sealed.adding(["checksum": nil]), sealed.adding(["checksum": 7]),
      .object(["checksum": sealed["checksum"] ?? nil, "list": sealed["list"] ?? nil]),
    ]
    for json in changed {
      #expect(throws: TensorFileError.self) { try SealedJSON(json, path: "a.json") }
    }
  }
}
