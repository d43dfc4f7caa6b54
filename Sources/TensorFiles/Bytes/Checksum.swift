internal import LinearAlgebra

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
  /// Large ranges are read on all cores.
  ///
  /// - Throws: ``TensorFileError/outOfBounds(path:offset:byteCount:fileSize:)``.
  /// - Complexity: O(n), at about the rate of memory.
  public init(of map: MemoryMap, range: Range<Int>? = nil) throws(TensorFileError) {
    self.init()
    try update(map, range: range ?? 0..<map.count)
  }

  /// Bytes that a core takes at a time.
  private static let pieceBytes = 8 << 20

  /// Goes on with the bytes of a file in `range`.
  ///
  /// - Complexity: O(n), at about the rate of memory.
  package mutating func update(_ map: MemoryMap, range: Range<Int>) throws(TensorFileError) {
    try map.check(range)
    guard CyclicRegister.isFast else { return try updateByTables(map, range: range) }
    let starts = Array(stride(from: range.lowerBound, to: range.upperBound, by: Self.pieceBytes))
    var registers = [Result<UInt32, TensorFileError>](repeating: .success(0), count: starts.count)
    Parallelism.update(&registers) { index, register in
      let piece = starts[index]..<min(range.upperBound, starts[index] + Self.pieceBytes)
      register = Result { () throws(TensorFileError) in
        try map.withBytes(in: piece) { CyclicRegister.value(of: $0, after: 0) }
      }
    }
    var state = ~value
    for (start, register) in zip(starts, registers) {
      let count = min(range.upperBound - start, Self.pieceBytes)
      state = CyclicRegister.joined(state, try register.get(), count: count)
    }
    value = ~state
  }

  /// Goes on by tables, which need nothing of the processor.
  ///
  /// - Complexity: O(n), at about 2 GB/s in a release build.
  package mutating func updateByTables(
    _ map: MemoryMap, range: Range<Int>
  ) throws(TensorFileError) {
    try map.check(range)
    let wordsStart = min((range.lowerBound + 7) & ~7, range.upperBound)
    let wordsEnd = wordsStart + (range.upperBound - wordsStart) / 8 * 8
    try map.withBytes(in: range.lowerBound..<wordsStart) { updateByTables($0) }
    try map.withElements(
      of: UInt64.self, byteOffset: wordsStart & ~7, count: (wordsEnd - wordsStart) / 8
    ) { update(words: $0) }
    try map.withBytes(in: wordsEnd..<range.upperBound) { updateByTables($0) }
  }

  /// The checksum that ``description`` wrote: eight hexadecimal digits; nil for other text.
  public init?(_ description: String) {
    guard description.utf8.count == 8, description.allSatisfy(\.isHexDigit),
      let value = UInt32(description, radix: 16)
    else { return nil }
    self.value = value
  }

  /// Goes on with more bytes.
  ///
  /// - Complexity: O(n).
  public mutating func update(_ bytes: Span<UInt8>) {
    guard CyclicRegister.isFast else { return updateByTables(bytes) }
    value = ~CyclicRegister.value(of: bytes, after: ~value)
  }

  /// Goes on with more bytes, one at a time.
  private mutating func updateByTables(_ bytes: Span<UInt8>) {
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
