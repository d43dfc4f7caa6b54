/// How the bits of one stored element mean a number.
///
/// The four conformances are the whole list; a hot loop is written once against this protocol and
/// specialized for each of them.
protocol StoredEncoding {
  /// The unsigned integer as wide as one element.
  associatedtype Pattern: FixedWidthInteger & UnsignedInteger & BitwiseCopyable & Sendable

  /// The number that a pattern stands for, rounded to nearest even where `Element` is narrower.
  static func value<Element: BinaryFloatingPoint>(of pattern: Pattern) -> Element
}

/// An encoding that is narrower than `Float`, written by rounding to nearest even.
protocol NarrowEncoding: StoredEncoding where Pattern == UInt16 {
  /// The nearest pattern: overflow gives infinity, a NaN stays a NaN.
  static func pattern(of value: Float) -> UInt16
}

/// IEEE binary16.
enum Binary16Encoding: NarrowEncoding {
  /// Widens without a branch: shift exponent and mantissa into place, then multiply by 2^112.
  ///
  /// The product is exact for every half, subnormal ones included. Infinity and NaN come out of it
  /// as large finite numbers, so their exponent is filled in afterwards.
  @inline(__always)
  static func value<Element: BinaryFloatingPoint>(of pattern: UInt16) -> Element {
    let bits = UInt32(pattern)
    let scaled = Float(bitPattern: (bits & 0x7fff) &<< 13) * 0x1p112
    // All ones where adding 1 to the exponent carries out of its five bits, else zero.
    let isSpecial = 0 &- (((bits & 0x7c00) &+ 0x0400) &>> 15)
    let exponent = isSpecial & 0x7f80_0000
    return Element(Float(bitPattern: scaled.bitPattern | exponent | (bits & 0x8000) &<< 16))
  }

  @inline(__always)
  static func pattern(of value: Float) -> UInt16 {
    let bits = value.bitPattern
    let magnitude = bits & 0x7fff_ffff
    // A normal half: lower the exponent's bias by 112 and round the 13 bits that fall away.
    let odd = (magnitude &>> 13) & 1
    let normal = (magnitude &- 0x3800_0000 &+ 0xfff &+ odd) &>> 13
    // A subnormal half: adding 0.5 lets the addition's own rounding put the bits in place.
    let subnormal = (Float(bitPattern: magnitude) + 0.5).bitPattern &- 0x3f00_0000
    var half = magnitude < 0x3880_0000 ? subnormal : normal
    half = magnitude >= 0x4780_0000 ? 0x7c00 : half
    half = magnitude > 0x7f80_0000 ? (0x7e00 | (magnitude &>> 13) & 0x3ff) : half
    return UInt16(truncatingIfNeeded: half | (bits &>> 16) & 0x8000)
  }
}

/// The upper half of an IEEE binary32.
enum BrainEncoding: NarrowEncoding {
  @inline(__always)
  static func value<Element: BinaryFloatingPoint>(of pattern: UInt16) -> Element {
    Element(Float(bitPattern: UInt32(pattern) &<< 16))
  }

  @inline(__always)
  static func pattern(of value: Float) -> UInt16 {
    let bits = value.bitPattern
    let rounded = (bits &+ 0x7fff &+ ((bits &>> 16) & 1)) &>> 16
    let quieted = (bits &>> 16) | 0x40
    return UInt16(truncatingIfNeeded: bits & 0x7fff_ffff > 0x7f80_0000 ? quieted : rounded)
  }
}

/// IEEE binary32.
enum Binary32Encoding: StoredEncoding {
  @inline(__always)
  static func value<Element: BinaryFloatingPoint>(of pattern: UInt32) -> Element {
    Element(Float(bitPattern: pattern))
  }
}

/// IEEE binary64.
enum Binary64Encoding: StoredEncoding {
  @inline(__always)
  static func value<Element: BinaryFloatingPoint>(of pattern: UInt64) -> Element {
    Element(Double(bitPattern: pattern))
  }
}

extension Float {
  /// `value` rounded to odd: where it is not a `Float`, the neighbour whose last bit is set.
  ///
  /// Rounding the result again, to fewer bits and to nearest, then gives what rounding `value` once
  /// would have given. Rounding to nearest twice would not.
  @inline(__always)
  init(roundingToOdd value: Double) {
    let nearest = Float(value)
    let isAbove: UInt32 = Double(nearest.magnitude) > value.magnitude ? 1 : 0
    let isInexact: UInt32 = Double(nearest) != value ? 1 : 0
    self.init(bitPattern: (nearest.bitPattern &- isAbove) | isInexact)
  }
}
