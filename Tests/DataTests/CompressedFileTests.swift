import Data
import Foundation
import TestSupport
import Testing

@Suite("Files packed by gzip")
struct CompressedFileTests {
  /// Rows of CIFAR-10 with these labels, all pixels 7.
  private func cifar(_ labels: [UInt8]) -> [UInt8] {
    labels.flatMap { [$0] + [UInt8](repeating: 7, count: 3072) }
  }

  /// An idx file of so many labels, all 0.
  private func idx(_ count: Int) -> [UInt8] {
    [0, 0, 8, 1] + (0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * $0)) }
      + [UInt8](repeating: 0, count: count)
  }

  /// What the program gzip makes of bytes.
  private func packed(_ bytes: [UInt8]) throws -> [UInt8] {
    let folder = try TemporaryDirectory()
    let source = try folder.write(bytes, to: "plain")
    let target = try folder.write([], to: "packed")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", "-c", source.path]
    process.standardOutput = try FileHandle(forWritingTo: target)
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return try Array(Data(contentsOf: target))
  }

  private func refusal(_ bytes: [UInt8]) throws -> String? {
    let folder = try TemporaryDirectory()
    let file = try folder.write(bytes, to: "batch.bin.gz")
    let error = #expect(throws: DataFileError.self) { try CIFARFile(reading: file) }
    return error?.description
  }

  @Test("a packed file reads as the plain one does, under either name")
  func names() throws {
    let folder = try TemporaryDirectory()
    let plain = try folder.write(cifar([1, 2, 3]), to: "batch.bin")
    let zipped = try folder.write(packed(cifar([1, 2, 3])), to: "batch.bin.gz")
    #expect(try CIFARFile(reading: plain) == CIFARFile(bytes: cifar([1, 2, 3]), path: plain.path))
    #expect(try CIFARFile(reading: zipped).labels == [1, 2, 3])
    // A missing name finds the other one.
    try FileManager.default.removeItem(at: plain)
    #expect(try CIFARFile(reading: plain).labels == [1, 2, 3])
    let both = try LabelledImages(cifar10: [zipped, zipped])
    #expect(both.labels == [1, 2, 3, 1, 2, 3] && both.ids == Array(0..<6))
    #expect(throws: DataFileError.notFound(path: folder.file("none.gz").path)) {
      try IDXFile(reading: folder.file("none.gz"))
    }
    let other = #expect(throws: DataFileError.self) { try IDXFile(reading: folder.url) }
    #expect(other?.description.contains("cannot be read") == true)
  }

  @Test("members follow each other, and zeros behind the last say nothing")
  func members() throws {
    let folder = try TemporaryDirectory()
    let two = try packed(cifar([1, 2])) + packed([]) + packed(cifar([3]))
    for padding in [0, 1, 512, 100_000] {
      let file = try folder.write(two + [UInt8](repeating: 0, count: padding), to: "two")
      #expect(try CIFARFile(reading: file).labels == [1, 2, 3], "padding \(padding)")
    }
  }

  @Test("every place where a packed file is cut off is an error, and none a shorter file")
  func cutOff() throws {
    let whole = try packed(cifar([1, 2]))
    for count in 2..<whole.count {
      let text = try refusal(Array(whole[..<count]))
      #expect(text?.contains("ends in the middle of its packed data") == true, "\(count)")
    }
    let second = try whole + packed(cifar([3])).prefix(20)
    #expect(try refusal(second)?.contains("ends in the middle of its packed data") == true)
  }

  @Test("bytes that are wrong, and bytes behind the end, are errors")
  func damaged() throws {
    let whole = try packed(cifar([1, 2]))
    // The method, a byte of data, the checksum and the size of the content.
    for place in [2, whole.count / 2, whole.count - 8, whole.count - 1] {
      var bytes = whole
      bytes[place] ^= 0x10
      #expect(
        try refusal(bytes)?.contains("batch.bin.gz is damaged: ") == true, "byte \(place)")
    }
    for tail: [UInt8] in [[1], [0x1F, 0x8C], [0, 0, 0, 1], [0, 0x1F, 0x8B], Array("text".utf8)] {
      #expect(
        try refusal(whole + tail)?.contains("stands something else") == true, "\(tail)")
    }
  }

  @Test("content past what the header of an idx file says is refused, packed or not")
  func idxBounds() throws {
    let folder = try TemporaryDirectory()
    for bytes in try [packed(idx(100)), packed(idx(0)), idx(100)] {
      let file = try folder.write(bytes, to: "labels")
      #expect([0, 100].contains(try IDXFile(reading: file).values.count))
    }
    let long = idx(100) + [0]
    for bytes in try [packed(long), long] {
      let file = try folder.write(bytes, to: "labels")
      #expect(
        throws: DataFileError.tooLarge(
          path: file.path, limit: 108, reason: "its header says that it has 8 + 100")
      ) { try IDXFile(reading: file) }
    }
    let short = try folder.write(packed(Array(idx(100).dropLast())), to: "labels")
    #expect(
      throws: DataFileError.wrongSize(path: short.path, expected: "8 + 100", found: 107)
    ) { try IDXFile(reading: short) }
  }

  @Test("a small file that unpacks to a huge one is refused at once, and without its memory")
  func bombs() throws {
    // 64 MiB of zeros as one member of 65 KB, 64 times: 4 GiB of content.
    let member = try packed([UInt8](repeating: 0, count: 1 << 26))
    let bomb = Array(repeatElement(member, count: 64).joined())
    let folder = try TemporaryDirectory()
    let idxBomb = try folder.write(packed(idx(1000)) + bomb, to: "labels.gz")
    let cifarBomb = try folder.write(bomb, to: "batch.bin.gz")
    let tableBomb = try folder.write(packed(Array("a,b\n".utf8)) + bomb, to: "table.csv.gz")
    try #require(bomb.count < 5_000_000)

    let clock = ContinuousClock()
    let time = clock.measure {
      #expect(
        throws: DataFileError.tooLarge(
          path: idxBomb.path, limit: 1008, reason: "its header says that it has 8 + 1000")
      ) { try IDXFile(reading: idxBomb) }
    }
    #expect(time < .seconds(2))
    let cifarError = #expect(throws: DataFileError.self) { try CIFARFile(reading: cifarBomb) }
    #expect(cifarError?.description.contains("more than 184380000 bytes") == true)
    let tableError = #expect(throws: DataFileError.self) { try TableFile(reading: tableBomb) }
    #expect(tableError?.description.contains("not fit into memory with its cells") == true)
  }
}
