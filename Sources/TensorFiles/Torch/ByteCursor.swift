/// Goes through a part of an archive from its first byte: little-endian integers and runs of bytes, never past the part's end.
struct ByteCursor {
  let map: MemoryMap
  /// The next byte.
  private(set) var offset: Int
  private let end: Int

  /// - Parameter range: Bytes inside the file.
  init(_ map: MemoryMap, in range: Range<Int>) {
    self.map = map
    offset = range.lowerBound
    end = range.upperBound
  }

  var remaining: Int { end - offset }

  /// Goes past `count` bytes, and says where they are.
  mutating func range(_ count: Int) throws(TensorFileError) -> Range<Int> {
    guard count <= remaining else {
      throw malformed("\(count) bytes are needed and \(remaining) are there", at: offset)
    }
    defer { offset += count }
    return offset..<offset + count
  }

  mutating func skip(_ count: Int) throws(TensorFileError) {
    _ = try range(count)
  }

  mutating func bytes(_ count: Int) throws(TensorFileError) -> [UInt8] {
    try map.bytes(in: try range(count))
  }

  mutating func integer<Number: FixedWidthInteger>(
    _ type: Number.Type
  ) throws(TensorFileError) -> Number {
    try bytes(Number.bitWidth / 8).reversed().reduce(0) { $0 << 8 | Number($1) }
  }

  /// Goes past the bytes that a part must begin with.
  mutating func expect(_ mark: [UInt8], called name: String) throws(TensorFileError) {
    let start = offset
    guard try bytes(mark.count) == mark else { throw malformed("\(name) is not there", at: start) }
  }

  func malformed(_ problem: String, at offset: Int) -> TensorFileError {
    .malformedArchive(path: map.path, offset: offset, problem: problem)
  }
}
