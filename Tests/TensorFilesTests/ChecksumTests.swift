import TensorFiles
import Testing

struct ChecksumTests {
  private func naive(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(UInt32.max) { state, byte in
      (0..<8).reduce(state ^ UInt32(byte)) { state, _ in
        (state >> 1) ^ (state & 1 == 1 ? 0x82f6_3b78 : 0)
      }
    }
  }

  @Test("the published test values of CRC-32C (RFC 3720, B.4)")
  func publishedValues() throws {
    let folder = try TemporaryFolder()
    let cases: [([UInt8], String)] = [
      (Array("123456789".utf8), "e3069283"), ([UInt8](repeating: 0, count: 32), "8a9136aa"),
      ([UInt8](repeating: 0xff, count: 32), "62a8ab43"), ([UInt8](0..<32), "46dd794e"),
      ([], "00000000"),
    ]
    for (bytes, expected) in cases {
      #expect(try Checksum(of: MemoryMap(opening: folder.file(bytes))).description == expected)
      var checksum = Checksum()
      checksum.update(bytes.span)
      #expect(checksum.description == expected)
      #expect(Checksum(expected) == checksum)
    }
  }

  @Test("any range has the checksum that one bit at a time gives")
  func ranges() throws {
    let folder = try TemporaryFolder()
    let bytes = (0..<100).map { UInt8(truncatingIfNeeded: $0 * $0 * 31 + 7) }
    let map = try MemoryMap(opening: folder.file(bytes))
    for start in 0..<9 {
      for end in stride(from: start, through: 100, by: 7) {
        let expected = naive(Array(bytes[start..<end]))
        #expect(try Checksum(of: map, range: start..<end).value == expected)
        var tables = Checksum()
        try tables.updateByTables(map, range: start..<end)
        #expect(tables.value == expected)
      }
    }
    #expect(throws: TensorFileError.self) { _ = try Checksum(of: map, range: 50..<101) }
    #expect(throws: TensorFileError.self) { _ = try Checksum(of: map, range: -9..<10) }
    #expect(throws: TensorFileError.self) {
      _ = try Checksum(of: map, range: Int.max - 1..<Int.max)
    }
  }

  @Test("large ranges, read in pieces and by three streams, have the checksum that tables give")
  func large() throws {
    let folder = try TemporaryFolder()
    var state: UInt64 = 9
    let bytes = (0..<(17 << 20) + 13).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 56)
    }
    let map = try MemoryMap(opening: folder.file(bytes))
    let stretch = 3 * 8192
    for range in [
      0..<map.count, 5..<map.count - 3, 1..<stretch, 1..<stretch + 1, 3..<2 * stretch + 9,
      7..<(8 << 20) + 7, 7..<(16 << 20) + 8,
    ] {
      var tables = Checksum()
      try tables.updateByTables(map, range: range)
      #expect(try Checksum(of: map, range: range) == tables)
      var parts = Checksum()
      let middle = range.lowerBound + range.count / 3
      try parts.update(map, range: range.lowerBound..<middle)
      parts.update(Array(bytes[middle..<range.upperBound]).span)
      #expect(parts == tables)
    }
  }

  @Test("only eight hexadecimal digits are a checksum")
  func parsing() {
    for text in ["", "1234567", "123456789", "+1234567", "0000000g"] {
      #expect(Checksum(text) == nil)
    }
  }
}
