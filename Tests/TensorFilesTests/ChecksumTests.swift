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
        #expect(try Checksum(of: map, range: start..<end).value == naive(Array(bytes[start..<end])))
      }
    }
    #expect(throws: TensorFileError.self) { _ = try Checksum(of: map, range: 50..<101) }
    #expect(throws: TensorFileError.self) { _ = try Checksum(of: map, range: -9..<10) }
    #expect(throws: TensorFileError.self) {
      _ = try Checksum(of: map, range: Int.max - 1..<Int.max)
    }
  }

  @Test("only eight hexadecimal digits are a checksum")
  func parsing() {
    for text in ["", "1234567", "123456789", "+1234567", "0000000g"] {
      #expect(Checksum(text) == nil)
    }
  }
}
