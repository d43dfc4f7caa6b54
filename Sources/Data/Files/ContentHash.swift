/// A 128-bit fingerprint of content: FNV-1a (Fowler, Noll and Vo), the same on every machine.
///
/// Tells contents apart that differ by accident or by work on them; not proof against forgery.
public struct ContentHash: Sendable, Hashable {
  private var state: UInt128 = 0x6C62_272E_07BB_0142_62B8_2175_6295_C58D

  /// The fingerprint of nothing.
  public init() {}

  /// The fingerprint of a text's UTF-8.
  public init(of text: String) {
    for byte in text.utf8 { update(byte) }
  }

  /// Goes on with a byte.
  public mutating func update(_ byte: UInt8) {
    state = (state ^ UInt128(byte)) &* 0x0000_0000_0100_0000_0000_0000_0000_013B
  }

  /// Goes on with integers, each as 8 little-endian bytes.
  public mutating func update(_ integers: [Int]) {
    for integer in integers { update(word: UInt64(bitPattern: Int64(integer))) }
  }

  /// Goes on with numbers, each as the 8 little-endian bytes of its bits.
  public mutating func update(_ numbers: [Double]) {
    for number in numbers { update(word: number.bitPattern) }
  }

  /// 64 bits of it.
  public var word: UInt64 { UInt64(truncatingIfNeeded: state ^ state >> 64) }

  private mutating func update(word: UInt64) {
    for shift in stride(from: 0, to: 64, by: 8) { update(UInt8(truncatingIfNeeded: word >> shift)) }
  }
}

extension ContentHash: CustomStringConvertible {
  /// 32 hexadecimal digits, in lower case.
  public var description: String {
    let digits = String(state, radix: 16)
    return String(repeating: "0", count: 32 - digits.count) + digits
  }
}
