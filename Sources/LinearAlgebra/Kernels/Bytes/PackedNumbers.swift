internal import CKernels

/// How the numbers of a file lie one after the other: little-endian, at any address.
package enum PackedFormat: Sendable {
  /// IEEE 754 binary16.
  case binary16
  /// The upper half of a binary32.
  case bfloat16
  /// IEEE 754 binary32.
  case binary32
  /// IEEE 754 binary64.
  case binary64
  /// A signed integer times a factor that the numbers of a row share.
  case int8

  /// How many bytes each number takes.
  package var byteCount: Int {
    switch self {
    case .int8: 1
    case .binary16, .bfloat16: 2
    case .binary32: 4
    case .binary64: 8
    }
  }

  /// The number that the sixteen bits of an IEEE 754 binary16 stand for, which single precision holds exactly.
  package static func single(binary16 pattern: UInt16) -> Float { widened(binary16: pattern) }
}

/// Reads packed numbers as single precision, each rounded once: only binary64 and scaled integers
/// may have to be.
///
/// - Parameter next: Where the numbers lie that will be read next, a hint; it need not be readable.
@unsafe
func unpack(
  _ format: PackedFormat, _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Float>,
  count: Int, scale: Float, next: UnsafeRawPointer
) {
  var index = 0
  switch format {
  case .binary16:
    if hasWideVectors { index = unsafe influence_widen_binary16(source, target, count, next) }
    while index < count {
      let bits = unsafe source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
      unsafe target[index] = widened(binary16: bits)
      index += 1
    }
  case .bfloat16:
    if hasWideVectors { index = unsafe influence_widen_bfloat16(source, target, count, next) }
    while index < count {
      let bits = unsafe source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
      unsafe target[index] = Float(bitPattern: UInt32(bits) &<< 16)
      index += 1
    }
  case .int8:
    if hasWideVectors { index = unsafe influence_widen_int8(source, target, count, scale, next) }
    while index < count {
      unsafe target[index] =
        scale * Float(source.loadUnaligned(fromByteOffset: index, as: Int8.self))
      index += 1
    }
  case .binary32:
    unsafe UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: 4 * count)
  case .binary64:
    while index < count {
      unsafe target[index] = Float(
        source.loadUnaligned(fromByteOffset: 8 * index, as: Double.self))
      index += 1
    }
  }
}

/// Reads packed numbers as double precision; those of scaled integers as the single-precision
/// numbers that they are.
@unsafe
func unpack(
  _ format: PackedFormat, _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<Double>,
  count: Int, scale: Float, next: UnsafeRawPointer
) {
  if case .binary64 = format {
    unsafe UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: 8 * count)
    return
  }
  // By way of single precision, which holds every other format exactly, some at a time.
  let size = 1024
  unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: min(size, count)) { singles in
    guard let base = singles.baseAddress else { return }
    var first = 0
    while first < count {
      let part = min(size, count - first)
      unsafe unpack(
        format, source + first * format.byteCount, base, count: part, scale: scale,
        next: source + (first + part) * format.byteCount)
      for index in 0..<part { unsafe target[first + index] = Double(base[index]) }
      first += part
    }
  }
}

let hasWideVectors = influence_has_wide_vectors()

/// Widens a half without a branch: shift exponent and mantissa into place, then multiply by 2^112.
///
/// The product is exact for every half, subnormal ones included. Infinity and NaN come out of it
/// as large finite numbers, so their exponent is filled in afterwards.
@inline(__always)
private func widened(binary16 pattern: UInt16) -> Float {
  let bits = UInt32(pattern)
  let scaled = Float(bitPattern: (bits & 0x7fff) &<< 13) * 0x1p112
  // All ones where adding 1 to the exponent carries out of its five bits, else zero.
  let isSpecial = 0 &- (((bits & 0x7c00) &+ 0x0400) &>> 15)
  let exponent = isSpecial & 0x7f80_0000
  return Float(bitPattern: scaled.bitPattern | exponent | (bits & 0x8000) &<< 16)
}
