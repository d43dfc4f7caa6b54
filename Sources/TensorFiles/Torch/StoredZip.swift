import OrderedCollections

/// A zip archive whose members are stored as they are: where the bytes of each lie in the file.
///
/// Sizes are those of the central directory, because `torch.save` leaves zeros in the headers before the members.
struct StoredZip {
  /// One file of the archive.
  struct Member {
    let bytes: Range<Int>
    /// CRC-32 of the bytes, with zip's polynomial.
    let checksum: UInt32
  }

  let map: MemoryMap
  let members: OrderedDictionary<String, Member>

  /// Reads the directory at the end of a file.
  ///
  /// - Throws: ``TensorFileError/malformedArchive(path:offset:problem:)`` where members are packed, overlap or lie
  ///   outside of the file, or where there is no directory.
  /// - Complexity: O(m log m) for m members, whose bytes are not read.
  init(of map: MemoryMap) throws(TensorFileError) {
    let directory = try ZipDirectory(of: map)
    var members: OrderedDictionary<String, Member> = [:]
    var cursor = ByteCursor(map, in: directory.bytes)
    for _ in 0..<directory.entryCount {
      let start = cursor.offset
      let entry = try ZipEntry(from: &cursor)
      guard members[entry.name] == nil else {
        throw cursor.malformed("\(entry.name.quoted) stands in it twice", at: start)
      }
      let bytes = try entry.bytes(in: map, before: directory.bytes.lowerBound)
      members[entry.name] = Member(bytes: bytes, checksum: entry.checksum)
    }
    let ordered = members.values.sorted { $0.bytes.lowerBound < $1.bytes.lowerBound }
    for (first, second) in zip(ordered, ordered.dropFirst())
    where first.bytes.upperBound > second.bytes.lowerBound {
      throw cursor.malformed("two members share bytes", at: second.bytes.lowerBound)
    }
    self.map = map
    self.members = members
  }

  /// Compares members with their checksums.
  ///
  /// - Throws: ``TensorFileError/wrongChecksum(path:recorded:found:)``.
  /// - Complexity: one pass over the bytes of these members.
  func verify(_ members: some Sequence<Member>) throws(TensorFileError) {
    for member in members {
      let found = try map.withBytes(in: member.bytes) { ZipChecksum.value(of: $0) }
      guard found == member.checksum else {
        throw .wrongChecksum(
          path: map.path, recorded: String(member.checksum, radix: 16),
          found: String(found, radix: 16))
      }
    }
  }
}

/// The central directory of a zip archive: where its entries lie, and how many there are.
private struct ZipDirectory {
  let bytes: Range<Int>
  let entryCount: Int

  /// Bytes of the record at a file's end, without a comment.
  private static let endSize = 22
  /// Bytes of the record that points to the end record of large archives.
  private static let locatorSize = 20
  /// Bytes of an entry at least.
  private static let entrySize = 46

  init(of map: MemoryMap) throws(TensorFileError) {
    let end = try Self.endRecord(of: map)
    var cursor = ByteCursor(map, in: end..<map.count)
    try cursor.skip(10)
    var count = UInt64(try cursor.integer(UInt16.self))
    var size = UInt64(try cursor.integer(UInt32.self))
    var start = UInt64(try cursor.integer(UInt32.self))
    if count == UInt16.max || size == UInt32.max || start == UInt32.max {
      var locator = ByteCursor(map, in: max(0, end - Self.locatorSize)..<end)
      try locator.expect(Array("PK".utf8) + [6, 7], called: "the locator of a large archive's end")
      try locator.skip(4)
      let place = try locator.integer(UInt64.self)
      guard place < UInt64(end) else {
        throw locator.malformed("its end lies outside of the file", at: end)
      }
      var large = ByteCursor(map, in: Int(place)..<end)
      try large.expect(Array("PK".utf8) + [6, 6], called: "a large archive's end")
      try large.skip(28)
      count = try large.integer(UInt64.self)
      size = try large.integer(UInt64.self)
      start = try large.integer(UInt64.self)
    }
    guard start <= UInt64(end), size <= UInt64(end) - start,
      count <= size / UInt64(Self.entrySize)
    else {
      throw cursor.malformed(
        "its directory of \(count) members in \(size) bytes from byte \(start) on is not in the file",
        at: end)
    }
    bytes = Int(start)..<Int(start + size)
    entryCount = Int(count)
  }

  /// Where the record at the end begins: at the last place from which its comment reaches to the end of the file.
  private static func endRecord(of map: MemoryMap) throws(TensorFileError) -> Int {
    let first = max(0, map.count - endSize - Int(UInt16.max))
    let tail = try map.bytes(in: first..<map.count)
    var place = tail.count - endSize
    while place >= 0 {
      if tail[place] == 0x50, tail[place + 1] == 0x4B, tail[place + 2] == 5, tail[place + 3] == 6,
        Int(tail[place + 20]) | Int(tail[place + 21]) << 8 == tail.count - place - endSize
      {
        return first + place
      }
      place -= 1
    }
    throw .malformedArchive(
      path: map.path, offset: map.count, problem: "the directory at its end is missing")
  }
}

/// What the central directory says of one member.
private struct ZipEntry {
  let name: String
  let checksum: UInt32
  let size: Int
  let headerOffset: Int

  init(from cursor: inout ByteCursor) throws(TensorFileError) {
    let start = cursor.offset
    try cursor.expect(Array("PK".utf8) + [1, 2], called: "a member's entry")
    try cursor.skip(4)
    let flags = try cursor.integer(UInt16.self)
    let method = try cursor.integer(UInt16.self)
    try cursor.skip(4)
    checksum = try cursor.integer(UInt32.self)
    var packed = UInt64(try cursor.integer(UInt32.self))
    var size = UInt64(try cursor.integer(UInt32.self))
    let nameCount = Int(try cursor.integer(UInt16.self))
    let extraCount = Int(try cursor.integer(UInt16.self))
    let commentCount = Int(try cursor.integer(UInt16.self))
    try cursor.skip(8)
    var place = UInt64(try cursor.integer(UInt32.self))
    guard let name = String(validating: try cursor.bytes(nameCount), as: UTF8.self) else {
      throw .invalidUTF8(path: cursor.map.path, offset: start + 46)
    }
    var extra = ByteCursor(cursor.map, in: try cursor.range(extraCount))
    while extra.remaining >= 4 {
      let kind = try extra.integer(UInt16.self)
      let count = Int(try extra.integer(UInt16.self))
      var field = ByteCursor(cursor.map, in: try extra.range(count))
      guard kind == 1 else { continue }
      // Only the numbers that did not fit stand there, in this order.
      if size == UInt32.max { size = try field.integer(UInt64.self) }
      if packed == UInt32.max { packed = try field.integer(UInt64.self) }
      if place == UInt32.max { place = try field.integer(UInt64.self) }
    }
    try cursor.skip(commentCount)
    guard flags & 1 == 0, method == 0, packed == size else {
      throw cursor.malformed(
        "\(name.quoted) is compressed or encrypted, which PyTorch does not do",
        at: start)
    }
    guard let size = Int(exactly: size), let place = Int(exactly: place) else {
      throw cursor.malformed("\(name.quoted) is larger than any file", at: start)
    }
    (self.name, self.size, headerOffset) = (name, size, place)
  }

  /// Where the member's bytes lie, behind a header of their own.
  func bytes(in map: MemoryMap, before end: Int) throws(TensorFileError) -> Range<Int> {
    guard headerOffset < end else {
      throw .malformedArchive(
        path: map.path, offset: headerOffset, problem: "\(name.quoted) lies outside of the file")
    }
    var cursor = ByteCursor(map, in: headerOffset..<end)
    try cursor.expect(Array("PK".utf8) + [3, 4], called: "the header of \(name.quoted)")
    try cursor.skip(22)
    let nameCount = Int(try cursor.integer(UInt16.self))
    let extraCount = Int(try cursor.integer(UInt16.self))
    try cursor.skip(nameCount + extraCount)
    return try cursor.range(size)
  }
}

/// CRC-32 with the polynomial of zip, byte by byte.
enum ZipChecksum {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in
      value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1
    }
  }

  static func value(of bytes: Span<UInt8>) -> UInt32 {
    var state = UInt32.max
    let table = table
    for index in bytes.indices {
      state = state >> 8 ^ table[Int((state ^ UInt32(bytes[index])) & 255)]
    }
    return ~state
  }
}
