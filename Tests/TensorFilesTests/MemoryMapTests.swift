import Foundation
import LinearAlgebra
import TensorFiles
import Testing

struct MemoryMapTests {
  @Test("bytes, integers and views come out as they went in")
  func access() throws {
    let folder = try TemporaryFolder()
    let map = try MemoryMap(opening: folder.file(bytes((0..<64).map { Float($0).bitPattern })))
    #expect(map.count == 256)
    #expect(try map.byte(at: 7) == 0x3f)
    #expect(try map.bytes(in: 4..<8) == [0, 0, 0x80, 0x3f])
    #expect(try map.withBytes(in: 4..<8) { $0.count } == 4)
    #expect(try map.elements(of: UInt16.self, byteOffset: 5, count: 1) == [0x8000])
    let view = try map.view(of: Float.self, byteOffset: 8, rows: 3, columns: 2, rowStride: 10)
    #expect(Matrix(view).elements == [2, 3, 12, 13, 22, 23])
    for advice in MemoryMap.Advice.allCases {
      map.advise(advice)
      map.advise(advice, range: 100..<100_000)
    }
    #expect(try map.byte(at: 7) == 0x3f)
  }

  @Test("a view keeps its map alive")
  func lifetime() throws {
    func view() throws -> MatrixView<Double> {
      let folder = try TemporaryFolder()
      let map = try MemoryMap(opening: folder.file(bytes([1.5, 2.5].map(\Double.bitPattern))))
      return try map.view(of: Double.self, byteOffset: 0, rows: 1, columns: 2)
    }
    #expect(try Matrix(view()).elements == [1.5, 2.5])
  }

  @Test("of several files that were opened, each that changed is named, and others are not watched")
  func watched() throws {
    let folder = try TemporaryFolder()
    let (one, two, other) = (folder["one"], folder["two"], folder["other"])
    for url in [one, two, other] { try Data([1, 2, 3]).write(to: url) }
    let watch = FileWatch()
    let sizes = try watch.during {
      try [one, two, one].map { try MemoryMap(opening: $0).count }
    }
    _ = try MemoryMap(opening: other)
    #expect(sizes == [3, 3, 3])
    try Data([4]).write(to: other)
    try watch.requireUnchanged()
    for (url, change) in [(two, "was removed"), (one, "went from 3 to 4 bytes")] {
      if change == "was removed" {
        try FileManager.default.removeItem(at: url)
      } else {
        let handle = try FileHandle(forUpdating: url)
        try handle.truncate(atOffset: 4)
        try handle.close()
      }
      #expect(throws: TensorFileError.changed(path: url.path, change: change)) {
        try watch.requireUnchanged()
      }
    }
    #expect(throws: TensorFileError.self) {
      try watch.during { _ = try MemoryMap(opening: folder["none"]) }
    }
  }

  @Test("an empty file is an empty map")
  func emptyFile() throws {
    let folder = try TemporaryFolder()
    let map = try MemoryMap(opening: folder.file([]))
    #expect(map.count == 0)
    #expect(try map.bytes(in: 0..<0) == [])
    #expect(try map.view(of: Float.self, byteOffset: 0, rows: 0, columns: 9).rows == 0)
    #expect(throws: TensorFileError.self) { _ = try map.byte(at: 0) }
    map.advise(.willNeed)
  }

  @Test("what is not inside the file is refused, however large the numbers")
  func bounds() throws {
    let folder = try TemporaryFolder()
    let map = try MemoryMap(opening: folder.file([UInt8](repeating: 0, count: 100)))
    let hostile = [-1, 101, Int.max, Int.min, Int.max / 2, Int.max / 4 + 1]
    for number in hostile {
      #expect(throws: TensorFileError.self) { _ = try map.byte(at: number) }
      #expect(throws: TensorFileError.self) {
        _ = try map.elements(of: UInt64.self, byteOffset: 0, count: number)
      }
      for (rows, columns, stride) in [
        (number, 1, 1), (1, number, number), (2, 1, number), (number, number, number),
        (number, 0, 0), (0, number, number),
      ] where rows < 0 || columns < 0 || rows > 1000 || columns > 1000 || stride > 1000 {
        #expect(throws: TensorFileError.self) {
          _ = try map.view(
            of: Float.self, byteOffset: 0, rows: rows, columns: columns, rowStride: stride)
        }
        #expect(throws: TensorFileError.self) {
          _ = try MappedMatrix(
            in: map, elementType: .float16, byteOffset: 0, rows: rows, columns: columns,
            rowStride: stride)
        }
      }
    }
    for range in [Int.min..<Int.max, -1..<1, 99..<101, 101..<101, -1..<(-1), 0..<Int.max] {
      #expect(throws: TensorFileError.self) { _ = try map.bytes(in: range) }
      #expect(throws: TensorFileError.self) { _ = try map.withBytes(in: range) { $0.count } }
      #expect(throws: TensorFileError.self) { _ = try Checksum(of: map, range: range) }
      map.advise(.willNeed, range: range)
    }
    #expect(
      throws: TensorFileError.misaligned(path: map.path, offset: 2, alignment: 4)
    ) {
      _ = try map.view(of: Float.self, byteOffset: 2, rows: 1, columns: 1)
    }
    #expect(throws: TensorFileError.self) {
      _ = try map.view(of: Float.self, byteOffset: 0, rows: 2, columns: 3, rowStride: 2)
    }
  }

  @Test("what cannot be mapped is refused")
  func unmappable() throws {
    let folder = try TemporaryFolder()
    #expect(throws: TensorFileError.notFound(path: folder["none"].path)) {
      _ = try MemoryMap(opening: folder["none"])
    }
    #expect(throws: TensorFileError.notRegularFile(path: folder.url.path)) {
      _ = try MemoryMap(opening: folder.url)
    }
    #expect(throws: TensorFileError.notRegularFile(path: "/dev/null")) {
      _ = try MemoryMap(opening: URL(fileURLWithPath: "/dev/null"))
    }
    #expect(throws: TensorFileError.self) {
      _ = try MemoryMap(opening: try #require(URL(string: "https://example.com/a.npy")))
    }
    let file = try folder.file([1])
    try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: file.path)
    // The superuser may read anything.
    if getuid() != 0 {
      #expect(throws: TensorFileError.permissionDenied(path: file.path, operation: "read it")) {
        _ = try MemoryMap(opening: file)
      }
    }
  }

  @Test(
    "a file that is written to, cut, replaced or removed is not the one that was opened",
    arguments: ["was written to", "went from 64 to 60 bytes", "was replaced", "was removed"])
  func changes(change: String) throws {
    let folder = try TemporaryFolder()
    let url = try folder.file([UInt8](repeating: 1, count: 64))
    // The clock that stamps files goes in steps.
    let past = [FileAttributeKey.modificationDate: Date(timeIntervalSinceNow: -60)]
    try FileManager.default.setAttributes(past, ofItemAtPath: url.path)
    let map = try MemoryMap(opening: url)
    try map.requireUnchanged()
    let file = try FileHandle(forUpdating: url)
    switch change {
    case "was written to": try file.write(contentsOf: Data([2]))
    case "was removed": try FileManager.default.removeItem(at: url)
    case "was replaced":
      let other = try folder.file([UInt8](repeating: 1, count: 64), named: "other")
      try FileManager.default.removeItem(at: url)
      try FileManager.default.moveItem(at: other, to: url)
    default: try file.truncate(atOffset: 60)
    }
    do {
      try map.requireUnchanged()
      Issue.record("nothing was noticed")
    } catch .changed(let path, let found) {
      #expect(path == url.path && found.hasPrefix(change))
    }
  }

  @Test("a page that a cut file cannot give ends the process with the file's name")
  func lostPage() async throws {
    let result = await #expect(
      processExitsWith: .exitCode(65), observing: [\.standardErrorContent]
    ) {
      let folder = try TemporaryFolder()
      let url = try folder.file([UInt8](repeating: 1, count: 1 << 20), named: "cut file")
      let other = try MemoryMap(opening: folder.file([1, 2, 3], named: "whole"))
      let map = try MemoryMap(opening: url)
      #expect(MemoryMap.watchForLostPages(status: 65) != nil)
      #expect(try map.byte(at: 1 << 19) == 1 && other.byte(at: 1) == 2)
      #expect(MemoryMap.lostPage == nil)
      try FileHandle(forUpdating: url).truncate(atOffset: 100)
      _ = try map.byte(at: 1 << 19)
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("cut file: the file was cut short"))
  }
}

@Suite("What is held against the memory of the machine")
struct MachineMemoryTests {
  @Test("products that overflow, or are most of the memory, are refused")
  func sizes() {
    #expect(MachineMemory.bytes > 1 << 20)
    #expect(MachineMemory.holds(1 << 10, 1 << 10))
    #expect(MachineMemory.holds(0, .max, .max))
    #expect(!MachineMemory.holds(1 << 40, 1 << 40))
    #expect(!MachineMemory.holds(.max, 2))
    #expect(!MachineMemory.holds(MachineMemory.bytes))
    #expect(MachineMemory.holds(MachineMemory.bytes / 2))
  }
}
