import Foundation
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
      #expect(try OrderedJSON(contentsOf: folder.file("results.json")) == ["n": 1])
      calls.withLock { $0 += 1 }
    }
    #expect(file.recordURL == folder.file("results.json"))
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
    #expect(try OrderedJSON(contentsOf: file.recordURL) == ["n": 1])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 2)
  }
}
