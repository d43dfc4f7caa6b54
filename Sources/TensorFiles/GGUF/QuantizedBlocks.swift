import LinearAlgebra

/// Numbers in blocks of 32 small integers with a factor d, which stands before them as binary16.
package enum QuantizedBlocks: Sendable, Hashable {
  /// `Q8_0`: signed bytes q, the number is q · d.
  case eightBits
  /// `Q4_0`: integers q from 0 to 15 in four bits, the number is (q − 8) · d.
  case fourBits
  /// `Q4_1`: integers q from 0 to 15 in four bits, the number is q · d + m; m stands after d, as binary16 too.
  case fourBitsFromMinimum

  /// How many numbers a block has.
  package static let size = 32

  /// The bytes of a block.
  package var byteCount: Int {
    switch self {
    case .eightBits: 34
    case .fourBits: 18
    case .fourBitsFromMinimum: 20
    }
  }

  /// The numbers of whole blocks.
  ///
  /// Each product is rounded once, and so is each sum with m.
  ///
  /// - Parameter bytes: Blocks, one after the other.
  func numbers(_ bytes: Span<UInt8>) -> [Float] {
    let blocks = bytes.count / byteCount
    var numbers = [Float](repeating: 0, count: blocks * Self.size)
    var target = numbers.mutableSpan
    for block in 0..<blocks {
      let source = bytes.extracting(block * byteCount..<(block + 1) * byteCount)
      let first = block * Self.size
      let factor = half(source, at: 0)
      switch self {
      case .eightBits:
        for index in 0..<Self.size {
          target[first + index] = Float(Int8(bitPattern: source[2 + index])) * factor
        }
      case .fourBits:
        // The lower four bits of byte j are number j, the upper four number j + 16.
        for index in 0..<Self.size / 2 {
          let pair = source[2 + index]
          target[first + index] = Float(Int(pair & 15) - 8) * factor
          target[first + index + 16] = Float(Int(pair >> 4) - 8) * factor
        }
      case .fourBitsFromMinimum:
        let minimum = half(source, at: 2)
        for index in 0..<Self.size / 2 {
          let pair = source[4 + index]
          target[first + index] = Float(pair & 15) * factor + minimum
          target[first + index + 16] = Float(pair >> 4) * factor + minimum
        }
      }
    }
    return numbers
  }

  private func half(_ bytes: Span<UInt8>, at offset: Int) -> Float {
    PackedFormat.single(binary16: UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8)
  }
}
