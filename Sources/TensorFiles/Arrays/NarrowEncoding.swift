/// How a number that is narrower than `Float` becomes its bits; written by rounding to nearest even.
///
/// The way back is `PackedFormat`'s, in `LinearAlgebra`.
protocol NarrowEncoding {
  /// The nearest pattern: overflow gives infinity, a NaN stays a NaN.
  static func pattern(of value: Float) -> UInt16
}

/// IEEE binary16.
enum Binary16Encoding: NarrowEncoding {
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
  static func pattern(of value: Float) -> UInt16 {
    let bits = value.bitPattern
    let rounded = (bits &+ 0x7fff &+ ((bits &>> 16) & 1)) &>> 16
    let quieted = (bits &>> 16) | 0x40
    return UInt16(truncatingIfNeeded: bits & 0x7fff_ffff > 0x7f80_0000 ? quieted : rounded)
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
