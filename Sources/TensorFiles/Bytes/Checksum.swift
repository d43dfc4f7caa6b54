/// CRC-32C (Castagnoli) of bytes: finds damage and mix-ups, not forgery.
///
/// The checksum of iSCSI, ext4 and many stores; `crc32c` in other tools gives the same number.
public struct Checksum: Sendable, Hashable {
  /// The checksum of the bytes so far.
  public private(set) var value: UInt32

  /// The checksum of no bytes.
  public init() {
    value = 0
  }

  /// The checksum of a file's bytes, or of those in `range`.
  ///
  /// - Throws: ``TensorFileError/outOfBounds(path:offset:byteCount:fileSize:)``.
  /// - Complexity: O(n), at about 2 GB/s in a release build.
  public init(of map: MemoryMap, range: Range<Int>? = nil) throws(TensorFileError) {
    self.init()
    try update(map, range: range ?? 0..<map.count)
  }

  /// Goes on with the bytes of a file in `range`.
  ///
  /// - Complexity: O(n), at about 2 GB/s in a release build.
  package mutating func update(_ map: MemoryMap, range: Range<Int>) throws(TensorFileError) {
    try map.check(range)
    let wordsStart = min((range.lowerBound + 7) & ~7, range.upperBound)
    let wordsEnd = wordsStart + (range.upperBound - wordsStart) / 8 * 8
    try map.withBytes(in: range.lowerBound..<wordsStart) { update($0) }
    try map.withElements(
      of: UInt64.self, byteOffset: wordsStart & ~7, count: (wordsEnd - wordsStart) / 8
    ) { update(words: $0) }
    try map.withBytes(in: wordsEnd..<range.upperBound) { update($0) }
  }

  /// The checksum that ``description`` wrote: eight hexadecimal digits; nil for other text.
  public init?(_ description: String) {
    guard description.utf8.count == 8, description.allSatisfy(\.isHexDigit),
      let value = UInt32(description, radix: 16)
    else { return nil }
    self.value = value
  }

  /// Goes on with more bytes, one at a time.
  ///
  /// - Complexity: O(n), at about a fifth of the speed for a whole map.
  public mutating func update(_ bytes: Span<UInt8>) {
    let table = Self.tables.span
    var state = ~value
    for index in bytes.indices {
      state = (state &>> 8) ^ table[Int((state ^ UInt32(bytes[index])) & 0xff)]
    }
    value = ~state
  }

  /// Goes on with more little-endian words, eight bytes per step, by eight tables.
  private mutating func update(words: Span<UInt64>) {
    let tables = Self.tables.span
    // Lets the compiler see that no index below can be out of range.
    precondition(tables.count == 2048)
    var state = ~value
    for index in words.indices {
      let word = UInt64(littleEndian: words[index]) ^ UInt64(state)
      var next = tables[1792 | Int(word & 0xff)]
      next ^= tables[1536 | Int((word &>> 8) & 0xff)]
      next ^= tables[1280 | Int((word &>> 16) & 0xff)]
      next ^= tables[1024 | Int((word &>> 24) & 0xff)]
      next ^= tables[768 | Int((word &>> 32) & 0xff)]
      next ^= tables[512 | Int((word &>> 40) & 0xff)]
      next ^= tables[256 | Int((word &>> 48) & 0xff)]
      next ^= tables[Int(word &>> 56)]
      state = next
    }
    value = ~state
  }

  /// Eight tables of 256: table k is the effect of a byte that k zero bytes follow.
  private static let tables: [UInt32] = {
    var tables = (0..<256).map { byte in
      (0..<8).reduce(UInt32(byte)) { state, _ in
        (state >> 1) ^ (state & 1 == 1 ? 0x82f6_3b78 : 0)
      }
    }
    for index in 256..<2048 {
      let before = tables[index - 256]
      tables.append((before >> 8) ^ tables[Int(before & 0xff)])
    }
    return tables
  }()
}

extension Checksum: CustomStringConvertible {
  /// Eight hexadecimal digits, in lower case.
  public var description: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}
