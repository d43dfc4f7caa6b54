import Foundation
import TensorFiles
import Testing

struct AtomicFileTests {
  @Test("the file is whole after the commit, and replaces an older one")
  func commit() throws {
    let folder = try TemporaryFolder()
    let old = try MemoryMap(opening: folder.file([1, 2, 3]))
    try AtomicFile.write("new text", to: folder["file"])
    #expect(try String(contentsOf: folder["file"], encoding: .utf8) == "new text")
    #expect(try old.bytes(in: 0..<3) == [1, 2, 3])
    #expect(try folder.names == ["file"])
  }

  @Test("without a commit nothing is left behind, and an older file stays")
  func abandoned() throws {
    let folder = try TemporaryFolder()
    _ = try folder.file([1, 2, 3])
    func abandon() throws {
      var file = try AtomicFile(at: folder["file"])
      try file.write([4, 5])
      #expect(try folder.names.count == 2)
    }
    try abandon()
    #expect(try folder.names == ["file"])
    #expect(try Data(contentsOf: folder["file"]) == Data([1, 2, 3]))
  }

  @Test("what cannot be written is an error that names the cause")
  func failures() throws {
    let folder = try TemporaryFolder()
    let lost = folder["none"].appendingPathComponent("file")
    #expect(throws: TensorFileError.missingFolder(path: lost.path, folder: folder["none"].path)) {
      try AtomicFile.write("text", to: lost)
    }
    try FileManager.default.createDirectory(
      at: folder["folder"], withIntermediateDirectories: false)
    #expect(throws: TensorFileError.notRegularFile(path: folder["folder"].path)) {
      try AtomicFile.write("text", to: folder["folder"])
    }
    #expect(try folder.names == ["folder"])
    #expect(throws: TensorFileError.self) {
      try AtomicFile.write("text", to: URL(fileURLWithPath: "/proc/self/file"))
    }
    let long = folder[String(repeating: "n", count: 300)]
    #expect(throws: TensorFileError.self) { try AtomicFile.write("text", to: long) }
    #expect(try folder.names == ["folder"])
  }

  #if os(Linux)
    @Test("a full device is reported as such")
    func fullDevice() throws {
      let descriptor = try SystemCalls.open("/dev/full", O_WRONLY, doing: "open it")
      defer { close(descriptor) }
      let bytes: [UInt8] = [1, 2, 3]
      #expect(throws: TensorFileError.noSpace(path: "/dev/full")) {
        try SystemCalls.write(bytes.span, to: descriptor, path: "/dev/full")
      }
      #expect(throws: TensorFileError.notRegularFile(path: "/dev/full")) {
        _ = try AppendableFile(at: URL(fileURLWithPath: "/dev/full"), keeping: 0)
      }
    }
  #endif

  @Test("a file grows, and is cut back to what was kept")
  func appending() throws {
    let folder = try TemporaryFolder()
    do {
      var file = try AppendableFile(at: folder["rows"], keeping: 0)
      try file.write([1, 2, 3, 4])
      try file.synchronize()
      try file.write([5, 6])
      #expect(file.count == 6)
    }
    do {
      var file = try AppendableFile(at: folder["rows"], keeping: 4)
      try file.write([7])
      #expect(file.count == 5)
    }
    #expect(try Data(contentsOf: folder["rows"]) == Data([1, 2, 3, 4, 7]))
    #expect(throws: TensorFileError.self) { _ = try AppendableFile(at: folder["rows"], keeping: 6) }
    #expect(throws: TensorFileError.self) {
      _ = try AppendableFile(at: folder["rows"], keeping: -1)
    }
    #expect(try Data(contentsOf: folder["rows"]).count == 5)
    let lost = folder["none"].appendingPathComponent("file")
    #expect(throws: TensorFileError.missingFolder(path: lost.path, folder: folder["none"].path)) {
      _ = try AppendableFile(at: lost, keeping: 0)
    }
  }
}
